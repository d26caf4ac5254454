/**
 * Whether this device rings with the console closed: the browser's leave, its push subscription, and what the server knows of
 * it. The three may differ, because each can be taken back behind our back; every start of the page brings them together.
 */

export type ReachState =
  /** The server has not been asked yet, or cannot be reached. */
  | "unknown"
  /** This browser cannot. */
  | "unsupported"
  /** It can once the console is on the home screen (iPhone and iPad). */
  | "install-first"
  /** The person, or the browser for her, has said no. */
  | "denied"
  | "off"
  | "busy"
  | "on"
  | "failed";

export interface Endpoint {
  readonly id: string;
  readonly kind: string;
  readonly device: string;
}

/** How long the further rungs wait, in milliseconds; `null` for ever. */
export interface Ladder {
  readonly robot: number | null;
  readonly webhook: number | null;
}

/** What the server says of how this agent is reached. */
export interface Reached {
  readonly key: string;
  readonly duty: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly ladder: Ladder;
  /** Whether the shop's own back end is told of rings. */
  readonly shop: boolean;
}

export interface ReachServer {
  reach(): Promise<Pick<Reached, "key" | "duty">>;
  ring(device: string, subscription: PushSubscriptionJSON): Promise<Pick<Endpoint, "id">>;
  ringNoMore(endpoint: string): Promise<unknown>;
  tryRing(endpoint: string): Promise<unknown>;
}

/** What the browser has for it. */
export interface Browser {
  /** `undefined` where there are no service workers, or no push. */
  readonly worker: Promise<Pick<ServiceWorkerRegistration, "pushManager" | "getNotifications">> | undefined;
  readonly permission: () => NotificationPermission;
  readonly ask: () => Promise<NotificationPermission>;
  /** An iPhone or iPad on which the console is not on the home screen. */
  readonly installs: boolean;
}

export class Reach {
  readonly #browser: Browser;
  readonly #server: ReachServer;
  readonly #device: string;
  readonly #changed: () => void;
  #state: ReachState = "unknown";
  #key = "";
  #endpoint: string | undefined;

  constructor(browser: Browser, server: ReachServer, device: string, changed: () => void) {
    this.#browser = browser;
    this.#server = server;
    this.#device = device;
    this.#changed = changed;
  }

  get state(): ReachState {
    return this.#state;
  }

  /** Brings the three together; returns whether the server takes this agent for on duty. */
  async refresh(): Promise<boolean> {
    const { duty, key } = await this.#server.reach();
    this.#key = key;
    const { installs, permission, worker } = this.#browser;
    if (worker === undefined) this.#set(installs ? "install-first" : "unsupported");
    else if (permission() === "denied") this.#set("denied");
    else if (permission() === "default") this.#set("off");
    else await this.#resume(await worker);
    return duty;
  }

  /** Call it from a click: browsers ask people only then. */
  async switchOn(): Promise<void> {
    const { ask, worker } = this.#browser;
    if (worker === undefined) return;
    const asked = ask();
    this.#set("busy");
    try {
      if ((await asked) !== "granted") this.#set("denied");
      else await this.#announce(await this.#subscription(await worker));
    } catch {
      this.#set("failed");
    }
  }

  async switchOff(): Promise<void> {
    const subscription = await (await this.#browser.worker)?.pushManager.getSubscription();
    this.#set("busy");
    try {
      if (this.#endpoint !== undefined) await this.#server.ringNoMore(this.#endpoint);
      await subscription?.unsubscribe();
      this.#endpoint = undefined;
      this.#set("off");
    } catch {
      this.#set("failed");
    }
  }

  /** Lets this device show that it rings; it fails where the browser's push service does not take the message. */
  async tryIt(): Promise<void> {
    if (this.#endpoint !== undefined) await this.#server.tryRing(this.#endpoint);
  }

  /** Takes away what this device shows of a call: the page shows it now, or it is over. */
  async hush(call: string): Promise<void> {
    for (const shown of (await (await this.#browser.worker)?.getNotifications({ tag: call })) ?? []) shown.close();
  }

  async #resume({ pushManager }: Pick<ServiceWorkerRegistration, "pushManager">): Promise<void> {
    const subscription = await pushManager.getSubscription();
    if (subscription === null || !signedWith(subscription, this.#key)) this.#set("off");
    else await this.#announce(subscription);
  }

  async #subscription({ pushManager }: Pick<ServiceWorkerRegistration, "pushManager">): Promise<PushSubscription> {
    const kept = await pushManager.getSubscription();
    if (kept !== null && signedWith(kept, this.#key)) return kept;
    await kept?.unsubscribe(); // of another installation, or of before its key was changed
    return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.#key });
  }

  async #announce(subscription: PushSubscription): Promise<void> {
    this.#endpoint = (await this.#server.ring(this.#device, subscription.toJSON())).id;
    this.#set("on");
  }

  #set(state: ReachState): void {
    this.#state = state;
    this.#changed();
  }
}

/** Whether a subscription is for messages signed with this key; a browser that does not tell is believed. */
function signedWith(subscription: PushSubscription, key: string): boolean {
  const own = subscription.options.applicationServerKey;
  if (own === null) return true;
  const text = btoa(String.fromCharCode(...new Uint8Array(own)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/u, "") === key;
}
