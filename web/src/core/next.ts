/**
 * A second socket, opened while the first still serves: the server has asked this page to go to another node.
 *
 * Once hello has been said on the second, the first may be closed at any moment, and whoever is welcomed on the second may
 * be resumed or not. So what the first brings is held until that is known.
 */
import type { Hello, ServerMessage, Welcome } from "../protocol/messages";
import type { LinkOptions } from "./link";

/** What a socket says of its own session; on one that has been left it means nothing any more. */
const ONES_OWN: ReadonlySet<ServerMessage["type"]> = new Set(["welcome", "pong", "nudge", "bye", "done", "refused"]);

export function isNews(message: ServerMessage): message is Exclude<ServerMessage, Welcome> {
  return !ONES_OWN.has(message.type);
}

export interface NextListener {
  /** It is open: what was begun on the first socket may be finished, and then it can be greeted. */
  opened(): void;
  /** The first message: a welcome or a refusal. */
  answered(message: ServerMessage): void;
  /** It could not be opened, or does not answer. */
  failed(): void;
}

export class Next {
  readonly socket: WebSocket;
  /** What the first socket brought since hello was said on this one. */
  readonly held: ServerMessage[] = [];
  /** The first socket has been closed meanwhile. */
  alone = false;
  #greeted = false;
  #cancel: () => void;

  constructor({ url, socket, timers }: LinkOptions, within: number, listener: NextListener) {
    const next = (this.socket = socket(url));
    const failed = (): void => listener.failed();
    next.onopen = () => listener.opened();
    next.onmessage = (event: MessageEvent<string>) => listener.answered(JSON.parse(event.data) as ServerMessage);
    next.onclose = failed;
    this.#cancel = timers.after(within, failed);
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  greet(hello: Hello): void {
    this.#greeted = true;
    this.socket.send(JSON.stringify(hello));
  }

  /** Leaves the socket to somebody else. */
  release(): WebSocket {
    this.#cancel();
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    return this.socket;
  }

  drop(): void {
    this.release().close();
  }
}
