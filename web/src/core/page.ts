/**
 * One page's place in kanhuo: the line, the room it sees, and the media of its call.
 * What a buyer's page and an agent's page have in common; `BuyerCall` and `AgentDesk` add what each may do.
 */
import type { ByeWhy, CallView, Reason, ServerMessage, Side, State, Welcome } from "../protocol/messages";
import type { Timers } from "./clock";
import type { Devices } from "./devices";
import { type LineState, Link } from "./link";
import { Pictures } from "./pictures";
import type { Refusal } from "./refusal";
import { emptyRoom, reduce, type Room } from "./room";
import { Store } from "./store";
import { quiet, Talk, type TalkState } from "./talk";
import type { ScreenLock } from "./wake";

/** What a page brings along. */
export interface Surroundings {
  readonly url: string;
  readonly side: Side;
  readonly pass: () => string | undefined;
  readonly device: string;
  readonly inst: string;
  readonly socket: (url: string) => WebSocket;
  readonly rtc: (configuration: RTCConfiguration) => RTCPeerConnection;
  readonly devices: Devices;
  readonly timers: Timers;
  readonly random: () => number;
  readonly lock: ScreenLock;
  /** Sets a mark on the page's timeline, for measuring. */
  readonly mark: (name: string) => void;
}

export interface PageState extends Room {
  readonly line: LineState;
  /** Why the line was refused or closed for good. */
  readonly ended: Refusal | ByeWhy | null;
  readonly welcome: Welcome | null;
  readonly talk: TalkState;
  /** The call goes on, carried by another page of the same person. */
  readonly elsewhere: boolean;
  /** What the server's clock is ahead of ours, in ms: for countdowns. */
  readonly ahead: number;
}

const empty: PageState = {
  ...emptyRoom,
  line: "connecting",
  ended: null,
  welcome: null,
  talk: quiet,
  elsewhere: false,
  ahead: 0,
};

/** Why a call is over that a person has left, where it is not simply done. */
const HUNG_UP: Partial<Record<State, Reason>> = { waiting: "queue_abandoned", ringing: "buyer_cancelled" };

export class Page<S extends PageState = PageState> extends Store<S> {
  readonly pictures: Pictures;
  protected readonly link: Link;
  protected readonly talk: Talk;
  protected readonly around: Surroundings;
  /** The call that this page carries; kept over a reload by whoever made the page. */
  protected mine: string | undefined;
  /** The call that was hung up here; whatever else is still said of it, it is over. */
  #left: string | undefined;

  constructor(around: Surroundings, initial: S, mine?: string) {
    super(initial);
    this.around = around;
    this.mine = mine;
    this.pictures = new Pictures(around.pass);
    this.link = new Link(around, {
      welcome: (welcome) => this.welcomed(welcome),
      message: (message) => this.hear(message),
      line: (line, why) => this.#lined(line, why),
      alive: () => this.talk.lineIsUp(),
      nudged: () => this.nudged(),
    });
    this.talk = new Talk({
      ...around,
      send: (message) => this.link.send(message),
      ask: (message) => this.link.ask(message),
      lineUp: () => this.link.state === "up",
      probe: () => this.link.probe(),
    });
    this.talk.subscribe((talk) => this.patch({ talk }));
  }

  open(): void {
    this.link.open();
  }

  close(): void {
    this.talk.end();
    this.link.close();
  }

  /** The page is seen again, or the network changed. */
  wake(): void {
    this.link.wake();
  }

  /** From this moment nobody is heard or seen any more; the server is told as soon as it can be. */
  hangUp(): void {
    const call = this.state.call;
    if (call === null || call.state === "ended") return;
    this.#left = call.call;
    this.mine = undefined;
    this.link.send({ type: "call.hang_up", call: call.call });
    this.#over(call, HUNG_UP[call.state] ?? "completed");
  }

  mute(muted: boolean): void {
    this.talk.mute(muted);
  }

  setVoiceOnly(voiceOnly: boolean): void {
    this.talk.setVoiceOnly(voiceOnly);
  }

  dismissTrouble(): void {
    this.talk.dismissTrouble();
  }

  async say(text: string): Promise<void> {
    await this.chat({ text });
  }

  async sendPicture(file: Blob): Promise<void> {
    const call = this.state.call;
    if (call !== null) await this.chat({ picture: await this.pictures.upload(call.call, file) });
  }

  protected async chat(what: { readonly text: string } | { readonly picture: string }): Promise<void> {
    const call = this.state.call;
    if (call === null) return;
    await this.link.ask({ type: "chat.say", call: call.call, key: this.key(), ...what });
  }

  /** A name for a request, so that saying it twice does it once. */
  protected key(): string {
    return `k-${this.around.timers.now().toString(36)}-${Math.floor(this.around.random() * 2 ** 40).toString(36)}`;
  }

  protected welcomed(welcome: Welcome): void {
    this.patch({ welcome, ahead: welcome.now - this.around.timers.now() });
    const live = welcome.live[0];
    const { call } = this.state;
    if (live !== undefined && live === this.mine) this.join(live);
    // the call ended while the line was down: the page has to say so, for no view will come
    else if (live === undefined && call !== null && !welcome.resumed && call.state !== "ended") this.#over(call, this.#lost);
  }

  /** A line that is closed for good cannot carry a call: nobody must go on listening. */
  #lined(line: LineState, why: Refusal | ByeWhy | undefined): void {
    this.patch({ line, ...(why === undefined ? {} : { ended: why }) });
    if (line !== "refused" && line !== "closed") return;
    const { call } = this.state;
    if (call !== null && call.state !== "ended") this.#over(call, this.#lost);
    else this.talk.end();
  }

  get #lost(): Reason {
    return this.around.side === "buyer" ? "buyer_lost" : "agent_lost";
  }

  /** Ends a call on this page before, or instead of, a view that says so. */
  #over(call: CallView, reason: Reason): void {
    const before = this.state;
    this.patch({ call: { ...call, state: "ended", reason: call.reason ?? reason }, elsewhere: false });
    this.talk.end();
    this.changed(before);
  }

  /** What else a page says when it is asked whether it is there. */
  protected nudged(): void {
    // a ping, which the link has sent, says it all
  }

  /** Carries this side of the call on this page from now on. */
  protected join(call: string): void {
    this.mine = call;
    this.talk.rejoin(call);
    const last = this.state.chat.at(-1)?.n ?? 0;
    this.link.ask({ type: "chat.read", call, after: last }).catch(() => undefined);
  }

  protected hear(message: Exclude<ServerMessage, Welcome>): void {
    const before = this.state;
    if (message.type === "call" && message.call === this.#left && message.state !== "ended") return;
    const room = reduce(before, message);
    if (room !== before) {
      if (room.call?.call !== before.call?.call) this.pictures.forget();
      const own = this.around.side === "buyer" ? room.peers?.buyer : room.peers?.agent;
      const elsewhere = own != null && own.inst !== this.around.inst && room.call?.state !== "ended";
      this.patch({ ...room, elsewhere });
      this.link.busy = room.call !== null && room.call.state !== "ended";
      this.changed(before);
      if (elsewhere) this.talk.end();
      else void this.talk.follow(this.state);
    }
    this.talk.hear(message);
  }

  /** What else follows from a change; the room is up to date. */
  protected changed(before: PageState): void {
    if (this.state.call?.state === "ringing" && before.call?.state !== "ringing") this.around.mark("kanhuo:ringing");
  }

  protected patch(change: Partial<PageState>): void {
    this.set(change as Partial<S>);
  }
}

export { empty as emptyPage };
