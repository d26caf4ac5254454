/** A server of the socket's rules for sessions (docs/protocol.md, "Sessions"), and a wire that can be cut. */
import type { ClientMessage, Code, ServerMessage } from "../protocol/messages";
import { welcome } from "./views";

export class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly #server: FakeServer;
  /** Bytes go nowhere, and neither end is told: how a telephone network dies. */
  dead = false;

  constructor(server: FakeServer) {
    this.#server = server;
  }

  send(text: string): void {
    if (!this.dead) this.#server.hear(this, JSON.parse(text) as ClientMessage);
  }

  close(): void {
    this.#server.lost(this);
  }

  deliver(message: ServerMessage): void {
    if (!this.dead) this.onmessage?.({ data: JSON.stringify(message) });
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  /** Every request taken in, in order. */
  readonly taken: ClientMessage[] = [];
  /** What it answers a request with; `done` unless a test says otherwise. */
  answer: (message: ClientMessage & { readonly id: number }) => readonly ServerMessage[] = ({ id }) => [{ type: "done", re: id, call: null }];
  /** The calls that go on when a page says hello. */
  live: readonly string[] = [];
  /** Why the next hello is refused, if it is. */
  refusal: Code | undefined;
  #socket: FakeSocket | undefined;
  #session = 0;
  #rx = 0;
  #sent: ServerMessage[] = [];

  /** What a link opens. */
  readonly socket = (): WebSocket => {
    const socket = new FakeSocket(this);
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  };

  get open(): FakeSocket | undefined {
    return this.sockets.at(-1);
  }

  /** Accepts the newest connection. */
  accept(): void {
    this.open?.onopen?.();
  }

  /** Forgets everything, as after a restart. */
  restart(): void {
    this.#session += 1;
    this.#rx = 0;
    this.#sent = [];
    this.cut();
  }

  /** Ends the socket so that both ends know. */
  cut(): void {
    const socket = this.#socket ?? this.open;
    this.#socket = undefined;
    if (socket !== undefined) {
      socket.dead = true;
      socket.onclose?.();
    }
  }

  say(message: ServerMessage): void {
    this.#sent.push(message);
    this.#socket?.deliver(message);
  }

  hear(socket: FakeSocket, message: ClientMessage): void {
    switch (message.type) {
      case "hello": {
        if (this.refusal !== undefined) {
          socket.deliver({ type: "refused", re: null, code: this.refusal, why: "" });
          return;
        }
        const resumed = message.resume === this.#token && (message.got ?? 0) <= this.#sent.length;
        if (!resumed) {
          this.#session += 1;
          this.#rx = 0;
          this.#sent = [];
        }
        this.#socket = socket;
        socket.deliver(welcome({ session: this.#token, resumed, rx: this.#rx, live: this.live }));
        for (const missed of resumed ? this.#sent.slice(message.got ?? 0) : []) socket.deliver(missed);
        break;
      }
      case "ping":
        socket.deliver({ type: "pong", rx: this.#rx, now: 0 });
        break;
      default:
        if (message.id <= this.#rx) return;
        this.#rx = message.id;
        this.taken.push(message);
        for (const answer of this.answer(message)) this.say(answer);
    }
  }

  lost(socket: FakeSocket): void {
    if (socket === this.#socket) this.#socket = undefined;
  }

  get #token(): string {
    return `session-${this.#session}`;
  }
}
