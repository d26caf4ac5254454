/**
 * The line to the server: one session that outlives its sockets.
 *
 * A page cannot see that a TCP connection has died, so the link pings by itself and gives a socket up that does not answer.
 * Both ends count what they have received; after a reconnect each sends the other what was missed. When a node is about to
 * end, the session moves: a second socket is opened while the first still serves (`next.ts`), and nobody notices.
 */
import type { ByeWhy, ClientMessage, Done, Hello, Ping, ServerMessage, Welcome } from "../protocol/messages";
import type { Timers } from "./clock";
import { isNews, Next } from "./next";
import { Refusal } from "./refusal";

type WithoutId<M> = M extends { readonly id: number } ? Omit<M, "id"> : never;
/** What may be said: any message but hello and ping; the link numbers it. */
export type Outgoing = WithoutId<Exclude<ClientMessage, Hello | Ping>>;

export type LineState = "connecting" | "up" | "reconnecting" | "refused" | "closed";

export interface LinkOptions {
  readonly url: string;
  /** The present pass; absent where a session cookie speaks. */
  readonly pass: () => string | undefined;
  readonly device: string;
  readonly inst: string;
  readonly socket: (url: string) => WebSocket;
  readonly timers: Timers;
  /** A number from 0 up to 1. */
  readonly random: () => number;
}

export interface LinkListener {
  welcome?(welcome: Welcome): void;
  message?(message: Exclude<ServerMessage, Welcome>): void;
  line?(state: LineState, why?: Refusal | ByeWhy): void;
  /** The server has just answered a ping. */
  alive?(): void;
  /** The server asks whether this page is there; its ping is answered already. */
  nudged?(): void;
}

interface Sent {
  readonly id: number;
  readonly message: Outgoing;
  readonly resolve?: (done: Done) => void;
  readonly reject?: (why: Refusal) => void;
}

const PING_BUSY = 2_000;
const PING_IDLE = 15_000;
const PONG_WITHIN = 2_500;
/** What was asked on a socket that is left has this long to be answered there. */
const FINISHED_WITHIN = 2_500;
const MOVE_AGAIN = 1_000;
const BACKOFF = [0, 250, 500, 1_000, 2_000, 4_000, 5_000];

export class Link {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  #socket: WebSocket | undefined;
  #state: LineState = "connecting";
  #session: string | undefined;
  #nextId = 1;
  #got = 0;
  #sent: Sent[] = [];
  #attempt = 0;
  #busy = false;
  #next: Next | undefined;
  /** While the session moves: the highest id that was said on the socket that is being left; nothing more is said there. */
  #until = Infinity;
  #cancelMove: () => void = () => undefined;
  #leaveBehind: () => void = () => undefined;
  #cancelPing: () => void = () => undefined;
  #cancelPong: (() => void) | undefined;
  #cancelRetry: () => void = () => undefined;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  get state(): LineState {
    return this.#state;
  }

  open(): void {
    this.#connect();
  }

  /** Ends the session on purpose. */
  close(): void {
    this.#become("closed");
    this.#drop();
    this.#cancelRetry();
    this.#giveUp(this.#sent.splice(0));
  }

  /** In a call a dead line must be noticed within seconds. */
  set busy(busy: boolean) {
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (this.#state === "up") this.#schedulePing();
  }

  /** Says something that is answered only if refused. */
  send(message: Outgoing): void {
    this.#put({ id: this.#nextId++, message });
  }

  /** Says something and waits for its answer; rejects with a {@link Refusal}. */
  ask(message: Outgoing): Promise<Done> {
    return new Promise((resolve, reject) => this.#put({ id: this.#nextId++, message, resolve, reject }));
  }

  /** Finds out now whether the line is alive: the listener's `alive` says so, or the line is given up. */
  probe(): void {
    if (this.#state === "up") this.#ping();
  }

  /** The page came back or the network changed: probes, or connects without waiting any longer. */
  wake(): void {
    this.probe();
    // a socket that is being opened is left to it: to begin anew each time would never end on a slow network
    if (this.#state === "reconnecting" && this.#socket === undefined) this.#connect();
  }

  #put(sent: Sent): void {
    if (this.#state === "closed" || this.#state === "refused") {
      sent.reject?.(new Refusal("offline", "the line is closed"));
      return;
    }
    this.#sent.push(sent);
    if (this.#state === "up" && sent.id <= this.#until) this.#transmit(sent);
  }

  #transmit({ id, message }: Sent): void {
    this.#socket?.send(JSON.stringify({ ...message, id }));
  }

  #connect(): void {
    this.#cancelRetry();
    this.#drop();
    const socket = this.#options.socket(this.#options.url);
    this.#socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify(this.#hello));
    };
    this.#listenTo(socket);
    this.#cancelPong = this.#options.timers.after(2 * PONG_WITHIN, () => this.#lost());
  }

  get #hello(): Hello {
    const { device, inst } = this.#options;
    const pass = this.#options.pass();
    return {
      type: "hello",
      version: 1,
      device,
      inst,
      ...(pass === undefined ? {} : { pass }),
      ...(this.#session === undefined ? {} : { resume: this.#session, got: this.#got }),
    };
  }

  #listenTo(socket: WebSocket): void {
    socket.onmessage = (event: MessageEvent<string>) => {
      if (socket !== this.#socket) return;
      const message = JSON.parse(event.data) as ServerMessage;
      if (this.#next?.greeted === true) this.#next.held.push(message);
      else this.#hear(message);
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      if (this.#next?.greeted === true) this.#next.alone = true;
      else this.#lost();
    };
  }

  #hear(message: ServerMessage): void {
    this.#alive();
    switch (message.type) {
      case "welcome":
        this.#welcomed(message);
        return;
      case "pong":
        this.#sent = this.#sent.filter((sent) => sent.id > message.rx || sent.resolve !== undefined);
        this.#listener.alive?.();
        this.#finish();
        return;
      case "nudge":
        this.#ping();
        this.#listener.nudged?.();
        return;
      case "bye":
        if (message.why === "moving") this.#moveIn(message.in_ms ?? 0);
        else if (message.why !== "shutting_down") this.#end("closed", message.why);
        return;
      default:
        this.#got += 1;
    }
    if (message.type === "done") this.#answered(message.re)?.resolve?.(message);
    if (message.type === "refused") {
      const refusal = new Refusal(message.code, message.why);
      if (this.#state !== "up") this.#end("refused", refusal);
      else if (message.re !== null) this.#answered(message.re)?.reject?.(refusal);
    }
    this.#listener.message?.(message);
    this.#finish();
  }

  #welcomed(welcome: Welcome): void {
    const waiting = this.#sent;
    // a negotiation that has not been heard of at the old node goes on at the new one, after the page has joined there
    const later = waiting.filter(({ id, message }) => id > this.#until && message.type.startsWith("peer."));
    this.#until = Infinity;
    this.#attempt = 0;
    this.#session = welcome.session;
    if (!welcome.resumed) {
      // a new session counts anew
      this.#sent = [];
      this.#nextId = 1;
      this.#got = 0;
    }
    this.#become("up");
    if (welcome.resumed) {
      for (const sent of waiting) if (sent.id > welcome.rx) this.#transmit(sent);
    } else {
      // what can be said again is, before anything new that builds on it; what belonged to the old negotiation is not
      this.#giveUp(waiting.filter((sent) => sent.message.type.startsWith("peer.") && !later.includes(sent)));
      for (const sent of waiting) {
        if (!sent.message.type.startsWith("peer.")) this.#put({ ...sent, id: this.#nextId++ });
      }
    }
    this.#listener.welcome?.(welcome);
    if (!welcome.resumed) for (const sent of later) this.#put({ ...sent, id: this.#nextId++ });
    this.#schedulePing();
  }

  // Moving to another node

  #moveIn(ms: number): void {
    this.#cancelMove();
    this.#cancelMove = this.#options.timers.after(ms, () => this.#move());
  }

  #move(): void {
    if (this.#state !== "up" || this.#next !== undefined) return;
    this.#next = new Next(this.#options, 2 * PONG_WITHIN + FINISHED_WITHIN, {
      opened: () => {
        this.#until = this.#nextId - 1;
        this.#cancelMove = this.#options.timers.after(FINISHED_WITHIN, () => this.#greetNext());
        this.#ping();
      },
      answered: (message) => this.#moved(message),
      failed: () => this.#stay(true),
    });
  }

  /** Goes on once everything that was said on the first socket has been taken in and answered. */
  #finish(): void {
    if (this.#until !== Infinity && !this.#sent.some(({ id }) => id <= this.#until)) this.#greetNext();
  }

  #greetNext(): void {
    const next = this.#next;
    if (next === undefined || next.greeted) return;
    this.#cancelMove();
    this.#cancelPing();
    this.#alive();
    // whether the line is alive is for the next socket to say
    this.#cancelPong = () => undefined;
    next.greet(this.#hello);
  }

  #moved(message: ServerMessage): void {
    const next = this.#next;
    const old = this.#socket;
    if (next === undefined || message.type !== "welcome") {
      this.#stay(false); // a pass that leads in no more: the first socket serves for as long as it can
      return;
    }
    this.#next = undefined;
    // a session that goes on sends again what came since its hello; a new one does not
    if (!message.resumed) for (const late of next.held) this.#hear(late);
    if (this.#socket !== old) {
      next.drop();
      return;
    }
    if (old !== undefined) this.#leave(old);
    this.#socket = next.release();
    this.#listenTo(this.#socket);
    this.#hear(message);
  }

  /** The second socket came to nothing. */
  #stay(again: boolean): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#cancelMove();
    this.#next = undefined;
    next.drop();
    const until = this.#until;
    this.#until = Infinity;
    this.#alive();
    for (const held of next.held) this.#hear(held);
    if (next.alone) {
      this.#lost();
      return;
    }
    if (this.#state !== "up") return;
    for (const sent of this.#sent) if (sent.id > until) this.#transmit(sent);
    this.#schedulePing();
    if (again) this.#moveIn(MOVE_AGAIN * (0.75 + this.#options.random() / 2));
  }

  /** The old node closes its socket when it hears of the move. Until then it may still bring what was on its way. */
  #leave(old: WebSocket): void {
    const close = (): void => {
      cancel();
      old.onopen = old.onmessage = old.onclose = null;
      old.close();
    };
    const cancel = this.#options.timers.after(FINISHED_WITHIN, close);
    this.#leaveBehind();
    this.#leaveBehind = close;
    old.onclose = close;
    old.onmessage = (event: MessageEvent<string>) => {
      const message = JSON.parse(event.data) as ServerMessage;
      if (isNews(message)) this.#listener.message?.(message);
    };
  }

  #answered(re: number): Sent | undefined {
    const found = this.#sent.find((sent) => sent.id === re);
    this.#sent = this.#sent.filter((sent) => sent !== found);
    return found;
  }

  #ping(): void {
    if (this.#cancelPong !== undefined) return;
    const ping: Ping = { type: "ping", got: this.#got };
    this.#cancelPong = this.#options.timers.after(PONG_WITHIN, () => this.#lost());
    this.#socket?.send(JSON.stringify(ping));
  }

  #schedulePing(): void {
    this.#cancelPing();
    this.#cancelPing = this.#options.timers.after(this.#busy ? PING_BUSY : PING_IDLE, () => {
      this.#ping();
      this.#schedulePing();
    });
  }

  #alive(): void {
    this.#cancelPong?.();
    this.#cancelPong = undefined;
  }

  #lost(): void {
    this.#drop();
    if (this.#state === "closed" || this.#state === "refused") return;
    this.#become("reconnecting");
    const step = BACKOFF[Math.min(this.#attempt, BACKOFF.length - 1)] ?? 0;
    this.#attempt += 1;
    this.#cancelRetry = this.#options.timers.after(step * (0.75 + this.#options.random() / 2), () => this.#connect());
  }

  #end(state: "refused" | "closed", why: Refusal | ByeWhy): void {
    this.#state = state;
    this.#drop();
    this.#giveUp(this.#sent.splice(0));
    this.#listener.line?.(state, why);
  }

  #giveUp(sent: readonly Sent[]): void {
    for (const { reject } of sent) reject?.(new Refusal("offline", "the line was lost"));
  }

  #drop(): void {
    this.#cancelPing();
    this.#cancelMove();
    this.#next?.drop();
    this.#next = undefined;
    this.#until = Infinity;
    this.#leaveBehind();
    this.#alive();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #become(state: LineState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener.line?.(state);
  }
}
