import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Side } from "../protocol/messages";
import { StrictConnection } from "../testing/strict";
import { ManualTimers } from "../testing/timers";
import { peersView } from "../testing/views";
import type { Outgoing } from "./link";
import { Peer } from "./peer";
import { Refusal } from "./refusal";
import { fingerprint } from "./rtc";

const LATENCY = 30;
const other = (side: Side): Side => (side === "buyer" ? "agent" : "buyer");

/** A page that can be reloaded, and its line: what it says waits while the line is down. */
interface Page {
  inst: string;
  peer: Peer;
  up: boolean;
  session: number;
  waiting: { readonly message: Outgoing; readonly done: (refusal?: Refusal) => void }[];
  missed: ((page: Page) => void)[];
  readonly connections: StrictConnection[];
}

/** Two pages, a server with the rounds' rules (docs/protocol.md, "Negotiation") and a path that carries bytes or does not. */
class World {
  readonly timers = new ManualTimers();
  /** Whether packets get through. */
  path = true;
  #round = 0;
  #answered = 0;
  #seq = 0;
  #page = 0;
  readonly #pages: Record<Side, Page>;

  constructor() {
    this.#pages = { buyer: this.#load("buyer"), agent: this.#load("agent") };
    this.#view();
  }

  connection(side: Side): StrictConnection | undefined {
    return this.#pages[side].connections.at(-1);
  }

  /** Whether each side has the other's newest description, and nothing is being negotiated. */
  get joined(): boolean {
    const [buyer, agent] = [this.connection("buyer"), this.connection("agent")];
    return buyer?.signalingState === "stable" && agent?.signalingState === "stable" && names(buyer, agent) && names(agent, buyer);
  }

  reload(side: Side): void {
    const before = this.#pages[side];
    before.peer.close();
    this.#pages[side] = this.#load(side);
    this.#view();
  }

  /** The line goes; `forget` also loses what was on its way, as when the server starts anew. */
  cut(side: Side, forget = false): void {
    const page = this.#pages[side];
    page.up = false;
    if (!forget) return;
    page.session += 1;
    page.missed = [];
    for (const { done } of page.waiting.splice(0)) done(new Refusal("offline", ""));
  }

  mend(side: Side): void {
    const page = this.#pages[side];
    if (page.up) return;
    page.up = true;
    for (const then of page.missed.splice(0)) then(page);
    for (const { message, done } of page.waiting.splice(0)) this.#carry(side, page, message, done);
    this.#tell(side);
    page.peer.lineIsUp();
  }

  camera(on: boolean): Promise<void> {
    return this.#pages.buyer.peer.put("video", null, on);
  }

  /** Lets time pass; packets flow, and both lines are found alive every two seconds. */
  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 250) {
      await this.timers.pass(250);
      for (const side of ["buyer", "agent"] as const) {
        const connection = this.connection(side);
        if (!this.joined || connection === undefined) continue;
        if (connection.connectionState !== "connected") connection.reach();
        if (this.path) connection.bytes += 1;
        if (at % 2_000 === 0 && this.#pages[side].up) this.#pages[side].peer.lineIsUp();
      }
    }
  }

  #load(side: Side): Page {
    const connections: StrictConnection[] = [];
    const put = (message: Outgoing): Promise<void> =>
      new Promise((resolve, reject) => {
        const done = (refusal?: Refusal): void => (refusal === undefined ? resolve() : reject(refusal));
        if (page.up) this.#carry(side, page, message, done);
        else page.waiting.push({ message, done });
      });
    const inst = `${side}-${(this.#page += 1)}`;
    const options = {
      side,
      inst,
      timers: this.timers,
      rtc: () => connections[connections.push(new StrictConnection()) - 1] as unknown as RTCPeerConnection,
      send: (message: Outgoing) => void put(message).catch(() => undefined),
      ask: put,
      lineUp: () => page.up,
    };
    const quiet = { media: () => undefined, stream: () => undefined, reached: () => undefined, refused: () => undefined };
    const doubt = (): void => void this.timers.after(LATENCY, () => (page.up ? page.peer.lineIsUp() : undefined));
    const page: Page = { inst, peer: new Peer(options, { ...quiet, doubt }), up: true, session: 1, waiting: [], missed: [], connections };
    return page;
  }

  #view(): void {
    this.#seq += 1;
    this.#tell("buyer");
    this.#tell("agent");
  }

  #tell(side: Side): void {
    const [buyer, agent] = [this.#pages.buyer, this.#pages.agent].map(({ inst }) => ({ inst, audio: false, video: false, facing: null }));
    const view = peersView({ seq: this.#seq, round: this.#round, buyer: buyer ?? null, agent: agent ?? null });
    this.#later(side, ({ peer }) => peer.update(view));
  }

  /** Says something to a page that is still there then; in order, and kept for as long as the line is down. */
  #later(side: Side, then: (page: Page) => void): void {
    const page = this.#pages[side];
    const { session } = page;
    this.timers.after(LATENCY, () => {
      if (page !== this.#pages[side] || page.session !== session) return;
      if (page.up) then(page);
      else page.missed.push(then);
    });
  }

  #carry(side: Side, page: Page, message: Outgoing, done: (refusal?: Refusal) => void): void {
    const { session } = page;
    this.timers.after(LATENCY, () => {
      if (this.#pages[side] !== page) return;
      if (page.session !== session) {
        done(new Refusal("offline", ""));
        return;
      }
      const why = "to" in message && message.to !== this.#pages[other(side)].inst ? "peer_absent" : this.#rule(side, message);
      if (why === undefined) this.#pass(side, page.inst, message);
      this.timers.after(LATENCY, () => done(why === undefined ? undefined : new Refusal(why, "")));
    });
  }

  #rule(side: Side, message: Outgoing): "stale_round" | "unexpected_description" | undefined {
    if (message.type !== "peer.describe") return undefined;
    if ((message.kind === "offer") !== (side === "buyer")) return "unexpected_description";
    if (message.kind === "offer" ? message.round <= this.#round : message.round !== this.#round) return "stale_round";
    if (message.kind === "offer") this.#round = message.round;
    else if (this.#answered >= message.round) return "unexpected_description";
    else this.#answered = message.round;
    return undefined;
  }

  #pass(side: Side, by: string, message: Outgoing): void {
    const { type } = message;
    if (type === "peer.describe") {
      const { call, round, kind, sdp } = message;
      this.#later(other(side), ({ peer }) => peer.described({ type: "peer.described", call, by, round, kind, sdp }));
    } else if (type === "peer.restart") this.#later(other(side), ({ peer }) => peer.restartAsked());
  }
}

/** Whether the one's remote description is the other's newest local one. */
function names(one: StrictConnection, of: StrictConnection): boolean {
  return fingerprint(one.remoteDescription?.sdp ?? "") === fingerprint(of.localDescription?.sdp ?? "none");
}

const fault = fc.constantFrom("wait", "wait long", "reload buyer", "reload agent", "cut buyer", "cut agent", "restart server", "mend", "camera on", "camera off", "path down", "path up"); // prettier-ignore

async function meet(world: World, what: string): Promise<void> {
  if (what === "wait") await world.pass(250);
  else if (what === "wait long") await world.pass(5_000);
  else if (what === "reload buyer") world.reload("buyer");
  else if (what === "reload agent") world.reload("agent");
  else if (what === "cut buyer") world.cut("buyer");
  else if (what === "cut agent") world.cut("agent");
  else if (what === "camera on") await world.camera(true);
  else if (what === "camera off") await world.camera(false);
  else if (what.startsWith("path")) world.path = what === "path up";
  else for (const side of ["buyer", "agent"] as const) if (what === "mend") world.mend(side); else world.cut(side, true);
}

describe("two pages", () => {
  it("find each other", async () => {
    const world = new World();
    await world.pass(250);
    expect(world.joined).toBe(true);
  });

  it("find each other again after anything, and media flows", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 25 }), async (faults) => {
        const world = new World();
        for (const what of faults) await meet(world, what);
        world.path = true;
        world.mend("buyer");
        world.mend("agent");
        await world.pass(30_000);
        expect(world.joined).toBe(true);
        const bytes = world.connection("agent")?.bytes ?? 0;
        await world.pass(1_000);
        expect(world.connection("agent")?.bytes).toBeGreaterThan(bytes);
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});
