/**
 * `<kanhuo-call merchant="mer_…" pass="…">`: the button for any page.
 *
 * It imports nothing and brings its few words itself, because a shop's page must stay light. The call itself runs in a frame
 * of kanhuo's own origin, so that the shop's scripts reach neither the microphone nor what is said.
 *
 * Attributes: `merchant`, `pass`; `server` (where kanhuo is, default: where this file came from), `lang` (`zh` or `en`),
 * `label`. Events: `kanhuo-open`, `kanhuo-close`.
 */
type Can = "now" | "busy" | "later";

const HOME = new URL(import.meta.url).origin;
const KEPT = "kanhuo";
const ASK_AGAIN = 20_000;
/** Buttons that come near the view within this time are asked for together, while somebody scrolls. */
const TOGETHER = 100;
/** How many merchants the server lets one question name. */
const MOST = 50;
const WORDS = {
  zh: { see: "视频看货", ask: "和商家一对一", now: "现在可接听", busy: "稍等可接听", later: "现在无人接听", frame: "视频看货通话" },
  en: { see: "See it live", ask: "one-to-one call", now: "can answer now", busy: "answers shortly", later: "nobody there now", frame: "Live call" },
} as const;

const BUTTON = `
:host{display:inline-block}
:host([hidden]){display:none}
button{all:unset;box-sizing:border-box;display:inline-flex;align-items:center;gap:12px;min-height:56px;padding:6px 24px 6px 20px;border-radius:999px;
background:#0b7a5b;color:#fff;font:600 17px/1.3 "PingFang SC","Noto Sans SC","Noto Sans CJK SC","Microsoft YaHei",system-ui,sans-serif;cursor:pointer;white-space:nowrap}
small{display:block;min-width:8em;font-size:13px;font-weight:400}
button:focus-visible{outline:3px solid #0b7a5b;outline-offset:3px}
i{width:10px;height:10px;border-radius:50%;background:#a3b3ab;box-shadow:0 0 0 2px #fff}
i[data-can=now]{background:#3cc79a}
i[data-can=busy]{background:linear-gradient(#ffc56b 50%,#0b7a5b 0)}
i[data-can=later]{background:#0b7a5b}
`;

/** Where the call fills the screen. */
const narrow = matchMedia("(max-width:699px)");
const LAYER = `
.kanhuo-layer{position:fixed;inset:0;width:100%;height:100%;border:0;z-index:2147483000;background:#f6f8f6;color-scheme:light dark}
@media(min-width:700px){.kanhuo-layer{inset:auto 24px 24px auto;width:min(960px,calc(100vw - 48px));height:min(760px,calc(100vh - 48px));border-radius:20px;box-shadow:0 12px 48px rgb(10 30 20/30%)}}
.kanhuo-layer[data-small]{inset:auto 16px 16px auto;width:148px;height:208px;border-radius:16px;box-shadow:0 8px 32px rgb(10 30 20/30%)}
`;

const buttonSheet = sheetOf(BUTTON);
const layerSheet = sheetOf(LAYER);

function sheetOf(text: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

/** A call as the next page of the shop needs to know it. */
interface Call {
  readonly merchant: string;
  readonly server: string;
  readonly title: string;
  pass: string;
  small: boolean;
}

/** The one call of this page: its frame and what is said to it. */
class Layer {
  readonly #call: Call;
  readonly #frame = document.createElement("iframe");
  readonly #before: Element | null = document.activeElement;
  readonly #covered: HTMLElement[] = [];
  #live: boolean;
  /** Taken up from the page before, and nobody has said yet that it still goes on. */
  #resumed: boolean;

  constructor(call: Call, resumed: boolean) {
    this.#call = call;
    this.#live = this.#resumed = resumed;
    const frame = this.#frame;
    frame.className = "kanhuo-layer";
    frame.title = call.title;
    frame.allow = "camera; microphone; autoplay; fullscreen; screen-wake-lock; clipboard-write";
    frame.src = `${call.server}/call/`;
    if (!document.adoptedStyleSheets.includes(layerSheet)) document.adoptedStyleSheets.push(layerSheet);
    addEventListener("message", this.#hear);
    narrow.addEventListener("change", this.#cover);
    this.#show(call.small);
    document.body.append(frame);
    if (!call.small) frame.focus();
  }

  /** Another merchant's pass is not for this call. */
  renew(merchant: string, pass: string): void {
    if (merchant !== this.#call.merchant) return;
    this.#call.pass = pass;
    this.#keep();
    this.#tell({ type: "pass", pass });
  }

  restore(): void {
    this.#show(false);
    this.#frame.focus();
  }

  readonly #hear = (event: MessageEvent<unknown>): void => {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#call.server) return;
    const message = event.data as { kanhuo?: unknown; type?: unknown; live?: unknown } | null;
    if (message?.kanhuo !== 1) return;
    if (message.type === "ready") {
      this.#tell({ type: "open", pass: this.#call.pass, page: location.href });
      this.#show(this.#call.small);
    } else if (message.type === "state") {
      this.#live = message.live === true;
      this.#keep();
      if (this.#resumed && !this.#live) this.close();
      this.#resumed = false;
    }
    if (message.type === "minimise") this.#show(true);
    else if (message.type === "restore") this.restore();
    else if (message.type === "close") this.close();
  };

  close(): void {
    removeEventListener("message", this.#hear);
    narrow.removeEventListener("change", this.#cover);
    this.#live = false;
    this.#show(true);
    this.#frame.remove();
    this.#keep();
    left();
    if (this.#before instanceof HTMLElement) this.#before.focus();
    document.dispatchEvent(new CustomEvent("kanhuo-close"));
  }

  #show(small: boolean): void {
    this.#call.small = small;
    this.#frame.toggleAttribute("data-small", small);
    this.#cover();
    this.#keep();
    this.#tell({ type: "minimised", minimised: small });
  }

  /** Where the call fills the screen, what lies behind it cannot be reached. */
  readonly #cover = (): void => {
    for (const one of this.#covered.splice(0)) one.inert = false;
    if (this.#call.small || !narrow.matches) return;
    for (const one of document.body.children) {
      if (!(one instanceof HTMLElement) || one === this.#frame || one.inert) continue;
      one.inert = true;
      this.#covered.push(one);
    }
  };

  /** The next page of the shop takes up a call that goes on; none that has ended. */
  #keep(): void {
    try {
      if (this.#live) sessionStorage.setItem(KEPT, JSON.stringify(this.#call));
      else sessionStorage.removeItem(KEPT);
    } catch {
      // storage is forbidden here: a reload will not go on with the call
    }
  }

  #tell(message: object): void {
    this.#frame.contentWindow?.postMessage({ kanhuo: 1, ...message }, this.#call.server);
  }
}

let layer: Layer | undefined;
function left(): void {
  layer = undefined;
}

class KanhuoCall extends HTMLElement {
  static readonly observedAttributes = ["pass", "label", "lang"];
  readonly #root = this.attachShadow({ mode: "open", delegatesFocus: true });
  readonly #button = document.createElement("button");
  readonly #dot = document.createElement("i");
  readonly #label = document.createElement("span");
  readonly #word = document.createElement("small");
  #can: Can | undefined;

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = [buttonSheet];
    this.#root.append(this.#button);
    this.#button.append(this.#dot, this.#label);
    this.#button.type = "button";
    this.#button.onclick = () => this.#open();
    this.#draw();
    nearby.observe(this);
  }

  disconnectedCallback(): void {
    nearby.unobserve(this);
  }

  attributeChangedCallback(name: string): void {
    if (name === "pass" && this.isConnected) layer?.renew(this.merchant, this.#attribute("pass"));
    else if (this.isConnected) this.#draw();
  }

  get server(): string {
    return new URL(this.#attribute("server"), HOME).origin;
  }

  get merchant(): string {
    return this.#attribute("merchant");
  }

  /** What the server says of the merchant; a merchant it does not know offers no call. */
  set can(can: Can | undefined) {
    this.#can = can;
    this.hidden = can === undefined;
    this.#draw();
  }

  get #words(): (typeof WORDS)["zh" | "en"] {
    const language = this.#attribute("lang") || document.documentElement.lang || navigator.language;
    return language.toLowerCase().startsWith("zh") ? WORDS.zh : WORDS.en;
  }

  #attribute(name: string): string {
    return this.getAttribute(name) ?? "";
  }

  /** Everything in its place from the first, so that neither layout nor focus moves when the answer comes. */
  #draw(): void {
    if (this.#can !== undefined) this.#dot.dataset["can"] = this.#can;
    this.#word.textContent = this.#words[this.#can ?? "ask"];
    this.#label.replaceChildren(this.#attribute("label") || this.#words.see, this.#word);
  }

  #open(): void {
    if (layer !== undefined) {
      layer.restore();
      return;
    }
    const { merchant, server } = this;
    layer = new Layer({ merchant, title: this.#words.frame, server, pass: this.#attribute("pass"), small: false }, false);
    this.dispatchEvent(new CustomEvent("kanhuo-open", { bubbles: true }));
  }
}

/** Nothing is asked before a button is near the view; those that come near together are asked for together. */
const due = new Set<KanhuoCall>();
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || !(target instanceof KanhuoCall)) continue;
      nearby.unobserve(target);
      if (due.size === 0) setTimeout(askAll, TOGETHER);
      due.add(target);
    }
  },
  { rootMargin: "200px" },
);

function askAll(): void {
  const elements = [...due].filter((element) => element.isConnected);
  due.clear();
  for (const server of new Set(elements.map((element) => element.server))) {
    const here = elements.filter((element) => element.server === server);
    // in order, so that caches see one question however a page arranges its goods
    const names = [...new Set(here.map((element) => element.merchant))].sort();
    while (names.length > 0) void ask(server, names.splice(0, MOST), here);
  }
}

async function ask(server: string, names: readonly string[], elements: readonly KanhuoCall[]): Promise<void> {
  const about = elements.filter(({ merchant }) => names.includes(merchant));
  try {
    const response = await fetch(`${server}/v1/availability?merchants=${names.map(encodeURIComponent).join(",")}`);
    const { merchants } = (await response.json()) as { merchants: Partial<Record<string, { can: Can }>> };
    for (const element of about) element.can = merchants[element.merchant]?.can;
  } catch {
    // the button stays as it is: a tap will tell
  }
  setTimeout(() => about.filter((one) => one.isConnected).forEach((one) => nearby.observe(one)), ASK_AGAIN);
}

/** A call goes on while the buyer moves through the shop: the next page takes it up again as it was. */
function resume(): void {
  let text: string | null = null;
  try {
    text = sessionStorage.getItem(KEPT);
  } catch {
    return;
  }
  if (text === null || layer !== undefined) return;
  layer = new Layer(JSON.parse(text) as Call, true);
}

if (customElements.get("kanhuo-call") === undefined) {
  customElements.define("kanhuo-call", KanhuoCall);
  resume();
}
