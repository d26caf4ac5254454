import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeServer } from "../testing/server";
import { ManualTimers, settled } from "../testing/timers";
import { chatLine } from "../testing/views";
import { type LineState, Link, type LinkListener } from "./link";
import type { Refusal } from "./refusal";

function begin() {
  const server = new FakeServer();
  const timers = new ManualTimers();
  const heard: unknown[] = [];
  const states: LineState[] = [];
  const listener: LinkListener = {
    message: (message) => heard.push(message),
    line: (state) => states.push(state),
  };
  const options = { url: "ws://x", pass: () => "pass", device: "d", inst: "i", socket: server.socket, timers, random: () => 0.5 };
  const link = new Link(options, listener);
  link.open();
  return { server, timers, heard, states, listener, link };
}

const join = { type: "peer.join", call: "call_1", round: 0 } as const;
const hangUp = { type: "call.hang_up", call: "call_1" } as const;

describe("the line", () => {
  it("keeps what is said before it is up, and says it once", async () => {
    const { server, link } = begin();
    const answer = link.ask(hangUp);
    server.accept();
    await answer;
    expect(server.taken).toEqual([{ ...hangUp, id: 1 }]);
  });

  it("pings by itself and gives up a socket that does not answer", async () => {
    const { server, timers, states, link } = begin();
    server.accept();
    link.busy = true;
    const first = server.open;
    if (first !== undefined) first.dead = true;
    await timers.pass(2_000 + 2_500);
    expect(states).toEqual(["up", "reconnecting"]);
    await timers.pass(1);
    expect(server.sockets).toHaveLength(2);
    server.accept();
    expect(link.state).toBe("up");
  });

  it("is sent what it missed, and sends what the server missed", async () => {
    const { server, timers, heard, link } = begin();
    server.accept();
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    server.say(chatLine(1));
    const answer = link.ask(hangUp);
    server.cut();
    await timers.pass(1);
    server.accept();
    await answer;
    expect(heard).toContainEqual(chatLine(1));
    expect(server.taken).toEqual([{ ...hangUp, id: 1 }]);
  });

  it("says again to a new session what still means something, and not what belonged to the old negotiation", async () => {
    const { server, timers, link } = begin();
    server.accept();
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    const hung = link.ask(hangUp);
    const described = link.ask({ type: "peer.describe", call: "call_1", to: "x", round: 1, kind: "offer", sdp: "v=0" });
    const refused = described.catch((error: unknown) => (error as Refusal).code);
    server.restart();
    await timers.pass(1);
    server.accept();
    await hung;
    expect(await refused).toBe("offline");
    expect(server.taken).toEqual([{ ...hangUp, id: 1 }]);
  });

  it("says what waited before what the page says when it is welcomed", async () => {
    const { server, timers, listener, link } = begin();
    server.accept();
    listener.welcome = () => link.send(join);
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    const accepted = link.ask({ type: "call.accept", call: "call_1", media: "video" });
    server.restart();
    await timers.pass(1);
    server.accept();
    await accepted;
    expect(server.taken.map(({ type }) => type)).toEqual(["call.accept", "peer.join"]);
  });

  it("leaves a socket alone that is being opened, however often somebody is in doubt", async () => {
    const { server, timers, link } = begin();
    server.accept();
    server.cut();
    await timers.pass(1);
    for (let n = 0; n < 20; n += 1) {
      link.probe();
      link.wake();
      await timers.pass(100);
    }
    expect(server.sockets).toHaveLength(2);
    server.accept();
    expect(link.state).toBe("up");
  });

  it("does not wait any longer when the network is back, and says when the server answers", async () => {
    const { server, timers, listener, link } = begin();
    for (let n = 0; n < 6; n += 1) {
      server.cut();
      await timers.pass(n === 5 ? 0 : 7_000);
    }
    const before = server.sockets.length;
    link.wake();
    expect(server.sockets).toHaveLength(before + 1);
    server.accept();
    let alive = 0;
    listener.alive = () => (alive += 1);
    link.probe();
    expect(alive).toBe(1);
  });

  it("tries again ever more slowly, up to five seconds", async () => {
    const { server, timers } = begin();
    const gaps: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const before = server.sockets.length;
      const began = timers.now();
      server.cut();
      while (server.sockets.length === before) await timers.pass(50);
      gaps.push(timers.now() - began);
    }
    expect(gaps.at(0)).toBeLessThanOrEqual(50);
    expect(gaps.at(-1)).toBeLessThanOrEqual(6_300);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(3_700);
    expect([...gaps].sort((a, b) => a - b)).toEqual(gaps);
  });

  it("rejects with the server's code", async () => {
    const { server, link } = begin();
    server.accept();
    server.answer = ({ id }) => [{ type: "refused", re: id, code: "not_yours", why: "somebody else has it" }];
    await expect(link.ask(hangUp)).rejects.toMatchObject({ code: "not_yours", message: "somebody else has it" });
  });

  it("stops for good when its hello is refused", async () => {
    const { server, timers, states, link } = begin();
    const waiting = link.ask(hangUp).catch((error: unknown) => (error as Refusal).code);
    server.open?.deliver({ type: "refused", re: null, code: "expired", why: "the pass has expired" });
    expect(states).toEqual(["refused"]);
    expect(await waiting).toBe("offline");
    await timers.pass(60_000);
    expect(server.sockets).toHaveLength(1);
  });

  it("comes back after a restart but not after it was replaced", async () => {
    const { server, timers, link } = begin();
    server.accept();
    server.open?.deliver({ type: "bye", why: "shutting_down", in_ms: null });
    server.cut();
    await timers.pass(1);
    expect(server.sockets).toHaveLength(2);
    server.accept();
    server.open?.deliver({ type: "bye", why: "replaced", in_ms: null });
    await timers.pass(60_000);
    expect(server.sockets).toHaveLength(2);
    expect(link.state).toBe("closed");
  });

  it("delivers everything once and in order over any line", async () => {
    const fault = fc.constantFrom("say", "ask", "die", "cut", "wait", "accept");
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 60 }), async (faults) => {
        const { server, timers, heard, states, link } = begin();
        const asked: Promise<unknown>[] = [];
        let said = 0;
        for (const what of faults) {
          if (what === "say") server.say(chatLine((said += 1)));
          else if (what === "ask") asked.push(link.ask({ ...join, round: asked.length }).then(() => "done", () => "lost"));
          else if (what === "die" && server.open !== undefined) server.open.dead = true;
          else if (what === "cut") server.cut();
          else if (what === "accept") server.accept();
          else await timers.pass(700);
        }
        for (let n = 0; n < 40; n += 1) {
          await timers.pass(2_000);
          if (states.at(-1) !== "up") server.accept();
        }
        await settled();
        expect(states.at(-1) ?? "up").toBe("up");
        const rounds = server.taken.map((message) => ("round" in message ? message.round : -1));
        expect(rounds).toEqual([...new Set(rounds)].sort((a, b) => a - b));
        const lines = heard.flatMap((message) => ((message as { type: string }).type === "chat.line" ? [(message as { n: number }).n] : []));
        expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b));
        expect(await Promise.all(asked)).toHaveLength(asked.length);
      }),
      { numRuns: 60 },
    );
  });
});
