import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";

const KANHUO = "https://kanhuo.example";
const KEPT = "kanhuo";

/** What the page in the newest frame was told, and to which origin alone. */
let told: { message: unknown; to: string }[] = [];
const within = { postMessage: (message: unknown, to: string) => told.push({ message, to }) };
const screen: { matches: boolean; change: () => void } = { matches: false, change: () => undefined };
/** What the launcher of the first page does when buttons come near the view. */
let near: ((entries: { isIntersecting: boolean; target: Element }[]) => void) | undefined;
const observed: Element[] = [];

/** Here a module comes from a file, and not from kanhuo. */
class Served extends URL {
  override get origin(): string {
    return this.protocol === "file:" ? KANHUO : super.origin;
  }
}

beforeAll(async () => {
  vi.stubGlobal("URL", Served);
  vi.stubGlobal("matchMedia", () => ({
    get matches() {
      return screen.matches;
    },
    addEventListener: (_: string, listener: () => void) => (screen.change = listener),
    removeEventListener: () => (screen.change = () => undefined),
  }));
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      observe = (element: Element) => observed.push(element);
      unobserve = vi.fn();
      constructor(callback: NonNullable<typeof near>) {
        near ??= callback;
      }
    },
  );
  // a frame that loads nothing; its window is where messages go
  const create = (name: string): HTMLElement => document.createElementNS("http://www.w3.org/1999/xhtml", name);
  vi.spyOn(document, "createElement").mockImplementation((name: string) => {
    const made = create(name === "iframe" ? "a-frame" : name);
    if (name === "iframe") Object.defineProperty(made, "contentWindow", { get: () => (made.isConnected ? within : null) });
    return made;
  });
  await import("./kanhuo");
});

beforeEach(() => {
  told = [];
  screen.matches = false;
  sessionStorage.clear();
});

afterEach(() => {
  if (frame() !== null) hear({ kanhuo: 1, type: "close" });
  document.body.replaceChildren();
});

const frame = (): HTMLIFrameElement | null => document.querySelector<HTMLIFrameElement>("a-frame");
const hear = (data: unknown, origin = KANHUO, source: unknown = within): void =>
  void window.dispatchEvent(Object.assign(new Event("message"), { data, origin, source }));
const types = (): unknown[] => told.map(({ message }) => (message as { type: unknown }).type);
const kept = (): unknown => JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

/** A button of a shop's page. */
function button(about: Readonly<Record<string, string>> = {}): HTMLElement {
  const element = document.createElement("kanhuo-call");
  for (const [name, value] of Object.entries({ merchant: "mer_1", pass: "pass-1", server: KANHUO, lang: "en", ...about })) element.setAttribute(name, value);
  document.body.append(element);
  return element;
}

const press = (element: HTMLElement): void => element.shadowRoot?.querySelector("button")?.click();
const text = (element: HTMLElement): string => element.shadowRoot?.textContent ?? "";

describe("the launcher", () => {
  it("opens a frame of kanhuo's own origin, and gives the pass to nobody else and not before it is asked", () => {
    press(button());
    expect(frame()?.src).toBe(`${KANHUO}/call/`);
    expect(frame()?.allow).toContain("camera; microphone");
    expect(JSON.stringify(told)).not.toContain("pass-1");
    told = [];
    hear({ kanhuo: 1, type: "ready" });
    expect(told[0]).toEqual({ message: { kanhuo: 1, type: "open", pass: "pass-1", page: location.href }, to: KANHUO });
    expect(new Set(told.map(({ to }) => to))).toEqual(new Set([KANHUO]));
  });

  it.each([
    ["another origin", { kanhuo: 1, type: "ready" }, "https://evil.example", within],
    ["another window", { kanhuo: 1, type: "ready" }, KANHUO, { postMessage: () => undefined }],
    ["another window that would close it", { kanhuo: 1, type: "close" }, KANHUO, {}],
    ["another origin that would close it", { kanhuo: 1, type: "close" }, "null", within],
  ])("does not listen to %s", (_, data, origin, source) => {
    press(button());
    told = [];
    hear(data, origin, source);
    expect(told).toEqual([]);
    expect(frame()).not.toBeNull();
  });

  it.each([[null], ["close"], [7], [{}], [{ type: "close" }], [{ kanhuo: 2, type: "close" }], [{ kanhuo: 1, type: "unheard of" }]])(
    "takes %j for no message",
    (data) => {
      press(button());
      told = [];
      hear(data);
      expect(told).toEqual([]);
      expect(frame()?.isConnected).toBe(true);
      expect(frame()?.hasAttribute("data-small")).toBe(false);
    },
  );

  it("makes the call small and large again, as its page asks and as the button does", () => {
    const element = button();
    press(element);
    hear({ kanhuo: 1, type: "minimise" });
    expect(frame()?.hasAttribute("data-small")).toBe(true);
    expect(told.at(-1)?.message).toEqual({ kanhuo: 1, type: "minimised", minimised: true });
    hear({ kanhuo: 1, type: "restore" });
    expect(frame()?.hasAttribute("data-small")).toBe(false);
    hear({ kanhuo: 1, type: "minimise" });
    press(element);
    expect(document.querySelectorAll("a-frame")).toHaveLength(1);
    expect(frame()?.hasAttribute("data-small")).toBe(false);
  });

  it("says when a call is opened and closed, takes its frame away and can open another", () => {
    const said: string[] = [];
    const note = ({ type }: Event): unknown => said.push(type);
    document.addEventListener("kanhuo-open", note);
    document.addEventListener("kanhuo-close", note);
    const element = button();
    press(element);
    hear({ kanhuo: 1, type: "close" });
    expect(frame()).toBeNull();
    press(element);
    expect(frame()).not.toBeNull();
    expect(said).toEqual(["kanhuo-open", "kanhuo-close", "kanhuo-open"]);
    document.removeEventListener("kanhuo-open", note);
    document.removeEventListener("kanhuo-close", note);
  });

  it("hands a renewed pass to the call of this merchant, and another merchant's to nobody", () => {
    const [element, other] = [button(), button({ merchant: "mer_2" })];
    press(element);
    told = [];
    other.setAttribute("pass", "of another");
    expect(told).toEqual([]);
    element.setAttribute("pass", "pass-2");
    expect(told).toEqual([{ message: { kanhuo: 1, type: "pass", pass: "pass-2" }, to: KANHUO }]);
    hear({ kanhuo: 1, type: "ready" });
    expect(told.find(({ message }) => (message as { type: string }).type === "open")?.message).toMatchObject({ pass: "pass-2" });
  });
});

describe("the focus", () => {
  it("is in the call while it is large, and back where it was when it is closed", () => {
    const before = document.body.appendChild(document.createElement("button"));
    const element = button();
    before.focus();
    press(element);
    expect(document.activeElement).toBe(frame());
    hear({ kanhuo: 1, type: "close" });
    expect(document.activeElement).toBe(before);
  });
});

describe("a call on a small screen", () => {
  it("cannot be walked behind while it fills the screen", () => {
    screen.matches = true;
    const element = button();
    const already = document.createElement("p");
    already.inert = true;
    document.body.append(already);
    press(element);
    expect(element.inert).toBe(true);
    hear({ kanhuo: 1, type: "minimise" });
    expect(element.inert).toBe(false);
    hear({ kanhuo: 1, type: "restore" });
    expect([element.inert, frame()?.inert]).toEqual([true, false]);
    hear({ kanhuo: 1, type: "close" });
    expect([element.inert, already.inert]).toEqual([false, true]);
  });

  it("leaves the page alone where the screen is wide, also when it becomes so", () => {
    const element = button();
    press(element);
    expect(element.inert).toBe(false);
    screen.matches = true;
    screen.change();
    expect(element.inert).toBe(true);
    screen.matches = false;
    screen.change();
    expect(element.inert).toBe(false);
  });
});

describe("the next page of the shop", () => {
  /** The launcher as another page loads it. */
  async function turnPage(): Promise<void> {
    vi.resetModules();
    const known = customElements;
    vi.stubGlobal("customElements", { get: () => undefined, define: () => undefined });
    await import("./kanhuo");
    vi.stubGlobal("customElements", known);
  }

  it("is told of a call that goes on and of none that does not", () => {
    press(button());
    expect(kept()).toBeNull();
    hear({ kanhuo: 1, type: "state", live: "yes" });
    expect(kept()).toBeNull();
    hear({ kanhuo: 1, type: "state", live: true });
    expect(kept()).toMatchObject({ merchant: "mer_1", server: KANHUO, pass: "pass-1", small: false });
    hear({ kanhuo: 1, type: "minimise" });
    expect(kept()).toMatchObject({ small: true });
    hear({ kanhuo: 1, type: "state", live: false });
    expect(kept()).toBeNull();
    hear({ kanhuo: 1, type: "state", live: true });
    hear({ kanhuo: 1, type: "close" });
    expect(kept()).toBeNull();
  });

  it("takes the call up as it was, until its page says that it is over", async () => {
    sessionStorage.setItem(KEPT, JSON.stringify({ merchant: "mer_1", server: KANHUO, title: "Live call", pass: "pass-1", small: true }));
    await turnPage();
    expect(frame()?.hasAttribute("data-small")).toBe(true);
    hear({ kanhuo: 1, type: "ready" });
    expect(types()).toContain("open");
    hear({ kanhuo: 1, type: "state", live: true });
    expect(frame()).not.toBeNull();
    hear({ kanhuo: 1, type: "state", live: false });
    expect(frame(), "it stays to ask how it was").not.toBeNull();
  });

  it("shows nothing of a call that ended in between", async () => {
    sessionStorage.setItem(KEPT, JSON.stringify({ merchant: "mer_1", server: KANHUO, title: "Live call", pass: "pass-1", small: true }));
    await turnPage();
    hear({ kanhuo: 1, type: "state", live: false });
    expect(frame()).toBeNull();
    expect(kept()).toBeNull();
  });

  it("opens nothing where there was no call", async () => {
    await turnPage();
    expect(frame()).toBeNull();
  });
});

describe("the button", () => {
  /** The answer of a server that knows these merchants. */
  async function answered(merchants: object, ...elements: readonly HTMLElement[]): Promise<string[]> {
    const asked = listening(merchants);
    come(...elements);
    await vi.advanceTimersByTimeAsync(100);
    return asked;
  }

  /** Lets time stand still; returns what the server is asked from now on. */
  function listening(merchants: object): string[] {
    const asked: string[] = [];
    vi.useFakeTimers();
    vi.stubGlobal("fetch", (address: string) => Promise.resolve({ json: () => (asked.push(address), Promise.resolve({ merchants })) }));
    return asked;
  }

  const come = (...elements: readonly HTMLElement[]): void => near?.(elements.map((target) => ({ isIntersecting: true, target })));

  afterEach(() => {
    vi.useRealTimers();
  });

  it("asks for all merchants of a page together, and says of each what she can expect", async () => {
    const elements = [button(), button({ merchant: "mer_2" }), button({ merchant: "mer_1", lang: "zh-CN" }), button({ merchant: "mer_3" })];
    const can = { mer_1: { can: "now" }, mer_2: { can: "busy" }, mer_3: { can: "later" } };
    const asked = await answered(can, ...elements);
    expect(asked).toEqual([`${KANHUO}/v1/availability?merchants=mer_1,mer_2,mer_3`]);
    expect(elements.map(text)).toEqual(["See it livecan answer now", "See it liveanswers shortly", "视频看货现在可接听", "See it livenobody there now"]);
  });

  it("hides where the server knows no such merchant, and stays where it does not answer", async () => {
    const [known, unknown] = [button(), button({ merchant: "mer_0" })];
    await answered({ mer_1: { can: "now" } }, known, unknown);
    expect([known.hidden, unknown.hidden]).toEqual([false, true]);
    vi.stubGlobal("fetch", () => Promise.reject(new Error("offline")));
    come(known);
    await vi.advanceTimersByTimeAsync(100);
    expect(known.hidden).toBe(false);
    expect(text(known)).toContain("can answer now");
  });

  it("asks again after 20 seconds, if it is still there", async () => {
    const [stays, goes] = [button(), button()];
    await answered({ mer_1: { can: "now" } }, stays, goes);
    goes.remove();
    observed.splice(0);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(observed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(observed).toEqual([stays]);
  });

  it("asks for nothing that is not near the view", async () => {
    const fetched = vi.fn();
    vi.stubGlobal("fetch", fetched);
    vi.useFakeTimers();
    near?.([{ isIntersecting: false, target: button() }]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(fetched).not.toHaveBeenCalled();
  });

  it("waits a moment for what comes near while somebody scrolls, and asks in an order of its own", async () => {
    const [first, second, third, late, gone] = ["mer_7", "mer_5", "mer_6", "mer_8", "mer_9"].map((merchant) => button({ merchant }));
    if (!first || !second || !third || !late || !gone) throw new Error();
    const asked = listening({});
    come(first, gone);
    await vi.advanceTimersByTimeAsync(60);
    come(second, third);
    gone.remove();
    await vi.advanceTimersByTimeAsync(39);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    come(late);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.map((address) => address.split("=")[1])).toEqual(["mer_5,mer_6,mer_7", "mer_8"]);
  });

  it("asks for 50 merchants at most at a time", async () => {
    const elements = Array.from({ length: 120 }, (_, n) => button({ merchant: `mer_${n + 100}` }));
    const can: object = Object.fromEntries(elements.map((element) => [element.getAttribute("merchant") ?? "", { can: "now" }] as const));
    const asked = await answered(can, ...elements);
    expect(asked.map((address) => address.split(",").length)).toEqual([50, 50, 20]);
    expect(elements.every((element) => text(element).includes("can answer now"))).toBe(true);
  });

  it("bears the shop's own words where it has some", () => {
    expect(text(button({ label: "Ask the farmer" }))).toMatch(/^Ask the farmer/u);
  });
});
