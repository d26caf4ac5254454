/**
 * What the call page and the shop's page say to each other (the launcher is at the other end).
 *
 * The shop's page gives the pass and may ask nothing else; every message is checked for who sent it. The page takes its
 * first `open` from whoever frames it (the server's `frame-ancestors` decides who may) and stays with that origin.
 */
export type ToPage =
  | { readonly type: "open"; readonly pass: string; readonly page: string }
  | { readonly type: "pass"; readonly pass: string }
  | { readonly type: "minimised"; readonly minimised: boolean };

export type ToLauncher =
  | { readonly type: "ready" }
  | { readonly type: "state"; readonly live: boolean }
  | { readonly type: "minimise" }
  | { readonly type: "restore" }
  | { readonly type: "close" };

export class Frame {
  readonly #window: Window;
  #origin: string | undefined;

  constructor(window: Window, hear: (message: ToPage) => void) {
    this.#window = window;
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (event.source !== window.parent || !this.framed) return;
      if (this.#origin !== undefined && event.origin !== this.#origin) return;
      const message = read(event.data, event.origin);
      if (message === undefined) return;
      this.#origin = event.origin;
      hear(message);
    });
    // nothing secret is in `ready`; everything later goes to the origin that answered
    if (this.framed) window.parent.postMessage({ kanhuo: 1, type: "ready" }, "*");
  }

  /** Whether the page stands in a shop's page, rather than alone. */
  get framed(): boolean {
    return this.#window.parent !== this.#window;
  }

  tell(message: ToLauncher): void {
    if (this.#origin !== undefined) this.#window.parent.postMessage({ kanhuo: 1, ...message }, this.#origin);
  }
}

function read(data: unknown, origin: string): ToPage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { kanhuo, type, pass, page, minimised } = data as Partial<Record<"kanhuo" | "type" | "pass" | "page" | "minimised", unknown>>;
  if (kanhuo !== 1) return undefined;
  if (type === "pass" && typeof pass === "string") return { type, pass };
  if (type === "open" && typeof pass === "string") {
    // a page may send people back to itself and nowhere else
    const own = typeof page === "string" && page.startsWith(`${origin}/`);
    return { type, pass, page: own ? page : origin };
  }
  if (type === "minimised" && typeof minimised === "boolean") return { type, minimised };
  return undefined;
}
