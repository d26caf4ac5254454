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
const WORDS = {
  zh: { see: "视频看货", now: "现在可接听", busy: "稍等可接", later: "现在无人接听", frame: "视频看货通话" },
  en: { see: "See it live", now: "can answer now", busy: "answers shortly", later: "nobody there now", frame: "Live call" },
} as const;

const BUTTON = `
:host{display:inline-block}
:host([hidden]){display:none}
button{all:unset;box-sizing:border-box;display:inline-flex;align-items:center;gap:10px;min-height:48px;padding:0 22px;border-radius:999px;
background:#0b7a5b;color:#fff;font:600 17px/1.2 "PingFang SC","Noto Sans SC","Noto Sans CJK SC","Microsoft YaHei",system-ui,sans-serif;cursor:pointer;white-space:nowrap}
button:focus-visible{outline:3px solid #0b7a5b;outline-offset:3px}
i{width:10px;height:10px;border-radius:50%;background:#a3b3ab;box-shadow:0 0 0 2px #fff}
i[data-can=now]{background:#3cc79a}
i[data-can=busy]{background:linear-gradient(#ffc56b 50%,#0b7a5b 0)}
i[data-can=later]{background:#0b7a5b}
`;

const NARROW = "(max-width:699px)";
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

interface Kept {
  readonly title: string;
  readonly server: string;
  readonly pass: string;
  readonly small: boolean;
}

/** The one call of this page: its frame and what is said to it. */
class Layer {
  readonly #frame = document.createElement("iframe");
  readonly #server: string;
  #pass: string;
  readonly #before: Element | null = document.activeElement;
  readonly #covered: HTMLElement[] = [];
  #small: boolean;
  #live = false;

  constructor({ title, server, pass, small }: Kept) {
    this.#server = server;
    this.#pass = pass;
    this.#small = small;
    const frame = this.#frame;
    frame.className = "kanhuo-layer";
    frame.title = title;
    frame.allow = "camera; microphone; autoplay; fullscreen; screen-wake-lock; clipboard-write";
    frame.src = `${server}/call/`;
    if (!document.adoptedStyleSheets.includes(layerSheet)) document.adoptedStyleSheets.push(layerSheet);
    addEventListener("message", this.#hear);
    this.#show(small);
    document.body.append(frame);
    frame.focus();
  }

  renew(pass: string): void {
    this.#pass = pass;
    this.#tell({ type: "pass", pass });
  }

  restore(): void {
    this.#show(false);
    this.#frame.focus();
  }

  readonly #hear = (event: MessageEvent<unknown>): void => {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#server) return;
    const message = event.data as { kanhuo?: unknown; type?: unknown; live?: unknown } | null;
    if (message?.kanhuo !== 1) return;
    if (message.type === "ready") {
      this.#tell({ type: "open", pass: this.#pass, page: location.href });
      this.#show(this.#small);
    } else if (message.type === "state") {
      this.#live = message.live === true;
      this.#keep();
    }
    if (message.type === "minimise") this.#show(true);
    else if (message.type === "restore") this.restore();
    else if (message.type === "close") this.close();
  };

  close(): void {
    removeEventListener("message", this.#hear);
    this.#cover(false);
    this.#frame.remove();
    this.#live = false;
    this.#keep();
    left();
    if (this.#before instanceof HTMLElement) this.#before.focus();
    document.dispatchEvent(new CustomEvent("kanhuo-close"));
  }

  #show(small: boolean): void {
    this.#small = small;
    this.#frame.toggleAttribute("data-small", small);
    this.#cover(!small && matchMedia(NARROW).matches);
    if (this.#live) this.#keep();
    this.#tell({ type: "minimised", minimised: small });
  }

  /** Where the call fills the screen, what lies behind it cannot be reached. */
  #cover(covered: boolean): void {
    for (const one of covered ? document.body.children : this.#covered.splice(0)) {
      if (!(one instanceof HTMLElement) || one === this.#frame || (covered && one.inert)) continue;
      one.inert = covered;
      if (covered) this.#covered.push(one);
    }
  }

  /** What the next page of the shop needs to take the call up again. */
  #keep(): void {
    const kept: Kept = { title: this.#frame.title, server: this.#server, pass: this.#pass, small: this.#small };
    try {
      if (this.#live) sessionStorage.setItem(KEPT, JSON.stringify(kept));
      else sessionStorage.removeItem(KEPT);
    } catch {
      // storage is forbidden here: a reload will not go on with the call
    }
  }

  #tell(message: object): void {
    this.#frame.contentWindow?.postMessage({ kanhuo: 1, ...message }, this.#server);
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
  #can: Can | undefined;

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = [buttonSheet];
    this.#root.append(this.#button);
    this.#button.type = "button";
    this.#button.onclick = () => this.#open();
    this.#draw();
    nearby.observe(this);
  }

  disconnectedCallback(): void {
    nearby.unobserve(this);
  }

  attributeChangedCallback(name: string): void {
    if (name === "pass" && this.isConnected) layer?.renew(this.#attribute("pass"));
    else if (this.isConnected) this.#draw();
  }

  get server(): string {
    return new URL(this.#attribute("server") || HOME).origin;
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

  #draw(): void {
    const label = this.#attribute("label") || this.#words.see;
    if (this.#can !== undefined) {
      this.#dot.dataset["can"] = this.#can;
      this.#button.ariaLabel = `${label} (${this.#words[this.#can]})`;
      this.#button.title = this.#words[this.#can];
    }
    this.#button.replaceChildren(this.#dot, label);
  }

  #open(): void {
    if (layer !== undefined) {
      layer.restore();
      return;
    }
    layer = new Layer({ title: this.#words.frame, server: this.server, pass: this.#attribute("pass"), small: false });
    this.dispatchEvent(new CustomEvent("kanhuo-open", { bubbles: true }));
  }
}

/** Nothing is asked before a button is near the view; all buttons of a page are asked for together. */
const due = new Set<Element>();
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      nearby.unobserve(target);
      due.add(target);
    }
    if (due.size > 0) queueMicrotask(() => void askAll());
  },
  { rootMargin: "200px" },
);

async function askAll(): Promise<void> {
  const elements = [...due].filter((element) => element instanceof KanhuoCall);
  due.clear();
  for (const server of new Set(elements.map((element) => element.server))) {
    const here = elements.filter((element) => element.server === server);
    const names = [...new Set(here.map((element) => element.merchant))];
    try {
      const response = await fetch(`${server}/v1/availability?merchants=${encodeURIComponent(names.join(","))}`);
      const { merchants } = (await response.json()) as { merchants: Partial<Record<string, { can: Can }>> };
      for (const element of here) element.can = merchants[element.merchant]?.can;
    } catch {
      // the button stays as it is: a tap will tell
    }
    setTimeout(() => here.filter((one) => one.isConnected).forEach((one) => nearby.observe(one)), ASK_AGAIN);
  }
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
  layer = new Layer(JSON.parse(text) as Kept);
}

if (customElements.get("kanhuo-call") === undefined) {
  customElements.define("kanhuo-call", KanhuoCall);
  resume();
}
