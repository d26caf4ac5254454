import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ServerMessage } from "../protocol/messages";
import { FakeServer } from "../testing/server";
import { ManualTimers, settled } from "../testing/timers";
import { chatLine } from "../testing/views";
import { type LineState, Link } from "./link";
import type { Refusal } from "./refusal";

/** Two nodes; a page whose sockets the balancer sends to `at`. */
function begin() {
  const nodes = [new FakeServer(), new FakeServer()] as const;
  const timers = new ManualTimers();
  const heard: ServerMessage[] = [];
  const states: LineState[] = [];
  const world = { at: 0 as 0 | 1, welcomed: (): void => undefined };
  const options = {
    url: "ws://x",
    pass: () => "pass",
    device: "d",
    inst: "i",
    socket: () => nodes[world.at].socket(),
    timers,
    random: () => 0.5,
  };
  const link = new Link(options, {
    message: (message) => heard.push(message),
    line: (state) => states.push(state),
    welcome: () => world.welcomed(),
  });
  link.open();
  nodes[0].accept();
  /** The first node asks the page to go, and the balancer knows of the second. */
  const move = (in_ms = 0): void => {
    if (link.state !== "up") return;
    nodes[0].open?.deliver({ type: "bye", why: "moving", in_ms });
    world.at = 1;
  };
  return { nodes, old: nodes[0], next: nodes[1], timers, heard, states, link, world, move };
}

const hangUp = { type: "call.hang_up", call: "call_1" } as const;
const candidate = { type: "peer.restart", call: "call_1", to: "x" } as const;

describe("a session that moves", () => {
  it("waits for its turn, and opens the second socket while the first serves", async () => {
    const { old, next, timers, states, link, heard, move } = begin();
    move(4_000);
    await timers.pass(3_999);
    expect(next.sockets).toHaveLength(0);
    await timers.pass(1);
    expect(next.sockets).toHaveLength(1);
    await link.ask(hangUp);
    old.say(chatLine(1));
    next.accept();
    await timers.pass(0);
    expect(old.taken).toEqual([{ ...hangUp, id: 1 }]);
    expect(heard).toContainEqual(chatLine(1));
    await link.ask(hangUp);
    expect(next.taken).toEqual([{ ...hangUp, id: 1 }]);
    expect(states).toEqual(["up"]);
  });

  it("finishes on the first socket what was asked there, and says on the second what came after", async () => {
    const { old, next, timers, link, world, move } = begin();
    let answer = (): void => undefined;
    old.answer = ({ id }) => {
      answer = () => old.say({ type: "done", re: id, call: null });
      return [];
    };
    const before = link.ask(hangUp);
    move();
    await timers.pass(0);
    next.accept();
    world.welcomed = () => link.send({ type: "peer.join", call: "call_1", round: 0 });
    const after = link.ask({ type: "consent.give", call: "call_1", purpose: "camera" });
    link.send(candidate);
    await timers.pass(1_000);
    expect(next.taken).toEqual([]);
    answer();
    await before;
    await after;
    expect(old.taken.map(({ type }) => type)).toEqual(["call.hang_up"]);
    expect(next.taken.map(({ type }) => type)).toEqual(["consent.give", "peer.join", "peer.restart"]);
  });

  it("asks once more on the second where the first did not answer in time, and hears one answer", async () => {
    const { old, next, timers, link, move } = begin();
    old.answer = () => [];
    const asked = link.ask(hangUp);
    const described = link.ask({ type: "peer.describe", call: "call_1", to: "x", round: 1, kind: "offer", sdp: "v=0" });
    const refused = described.catch((error: unknown) => (error as Refusal).code);
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(2_500);
    await asked;
    expect(await refused).toBe("offline");
    expect(next.taken).toEqual([{ ...hangUp, id: 1 }]);
    const other = link.ask(hangUp);
    old.say({ type: "refused", re: 2, code: "not_now", why: "late" });
    await expect(other).resolves.toMatchObject({ re: 2 });
  });

  it("takes in what is on its way on the first until the server closes it", async () => {
    const { old, next, timers, heard, states, move } = begin();
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(0);
    old.say(chatLine(7));
    next.say(chatLine(8));
    expect(heard).toEqual([chatLine(7), chatLine(8)]);
    old.cut();
    await timers.pass(10_000);
    expect(states).toEqual(["up"]);
    expect([old.sockets.length, next.sockets.length]).toEqual([1, 1]);
  });

  it("is not troubled when the first is closed before the second has welcomed it", async () => {
    const { old, next, timers, states, link, move } = begin();
    next.hear = () => undefined;
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(0);
    old.cut();
    await timers.pass(500);
    expect(states).toEqual(["up"]);
    // and where it never welcomes it, the page looks for another way
    await timers.pass(10_000);
    expect(states).toEqual(["up", "reconnecting"]);
    expect(link.state).toBe("reconnecting");
  });

  it("stays where it is while there is no other node, and tries again", async () => {
    const { old, next, timers, states, link, heard, move } = begin();
    move();
    await timers.pass(0);
    next.cut();
    old.say(chatLine(1));
    await link.ask(hangUp);
    await timers.pass(1_000);
    expect(next.sockets).toHaveLength(2);
    next.accept();
    await timers.pass(0);
    await link.ask(hangUp);
    expect([old.taken.length, next.taken.length]).toEqual([1, 1]);
    expect(heard).toContainEqual(chatLine(1));
    expect(states).toEqual(["up"]);
  });

  it("stays where it is when its pass leads in no more", async () => {
    const { old, next, timers, states, link, move } = begin();
    next.refusal = "expired";
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(20_000);
    await link.ask(hangUp);
    expect(old.taken).toHaveLength(1);
    expect(next.sockets).toHaveLength(1);
    expect(states).toEqual(["up"]);
  });

  it("goes on where the balancer led it back to the same node, and hears nothing twice", async () => {
    const { old, timers, heard, states, link, world, move } = begin();
    move();
    world.at = 0;
    old.say(chatLine(1));
    await timers.pass(0);
    old.accept();
    old.say(chatLine(2));
    await timers.pass(0);
    old.say(chatLine(3));
    await link.ask(hangUp);
    expect(heard.filter(({ type }) => type === "chat.line")).toEqual([chatLine(1), chatLine(2), chatLine(3)]);
    expect(states).toEqual(["up"]);
  });

  it("loses the second socket as any other", async () => {
    const { next, timers, states, link, move } = begin();
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(0);
    next.cut();
    expect(states).toEqual(["up", "reconnecting"]);
    await timers.pass(1);
    next.accept();
    expect(link.state).toBe("up");
  });

  it("closes both sockets when it is closed", async () => {
    const { old, next, timers, link, heard, move } = begin();
    move();
    await timers.pass(0);
    next.accept();
    await timers.pass(0);
    link.close();
    old.say(chatLine(1));
    next.say(chatLine(2));
    expect(heard).toEqual([]);
  });

  it("carries out everything once and in order, whenever it moves and whatever befalls the sockets", async () => {
    const step = fc.constantFrom("ask", "ask", "move", "accept", "wait", "cut old", "cut next", "slow", "back");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { nodes, timers, states, link, world, move } = begin();
        const effects: string[] = [];
        const once = new Set<string>();
        for (const node of nodes) {
          node.answer = (message) => {
            const key = "key" in message ? message.key : "";
            if (!once.has(key)) effects.push(key);
            once.add(key);
            return [{ type: "done", re: message.id, call: null }];
          };
        }
        const asked: Promise<unknown>[] = [];
        for (const what of steps) {
          if (what === "ask") asked.push(link.ask({ type: "call.ask", key: `k${asked.length}`, media: "voice" }));
          else if (what === "move") move();
          else if (what === "accept") nodes[world.at].accept();
          else if (what === "cut old") nodes[0].cut();
          else if (what === "cut next") nodes[1].cut();
          else if (what === "back") nodes[1].restart();
          else await timers.pass(what === "slow" ? 3_000 : 0);
        }
        for (let n = 0; n < 40; n += 1) {
          await timers.pass(2_000);
          if (states.at(-1) !== "up") nodes[world.at].accept();
        }
        await settled();
        expect(states.at(-1)).toBe("up");
        expect(await Promise.all(asked)).toHaveLength(asked.length);
        expect(effects).toEqual(asked.map((_, n) => `k${n}`));
      }),
      { numRuns: 500 },
    );
  });
});
