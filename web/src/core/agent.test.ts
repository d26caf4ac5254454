import { describe, expect, it } from "vitest";
import { agentPage } from "../testing/pages";
import { callView, peersView } from "../testing/views";

const ringing = callView({ seq: 1, side: "agent", state: "ringing" });
const talking = callView({ seq: 5, side: "agent", state: "talking", answered_at: 0, connected_at: 0 });

describe("an agent who accepts", () => {
  it("is filmed for video and only heard for voice", async () => {
    for (const [how, live] of [["video", ["audio", "video"]], ["voice", ["audio"]]] as const) {
      const { desk, server, media, timers } = agentPage();
        server.say(ringing);
      await desk.accept(how);
      await timers.pass(0);
      expect(media.live).toEqual(live);
    }
  });

  it("while the server restarts, accepts before she joins", async () => {
    const { desk, server, timers, said } = agentPage();
    server.say(ringing);
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    const accepted = desk.accept("video");
    server.live = ["call_1"];
    server.restart();
    await timers.pass(1);
    server.accept();
    await accepted;
    expect(said("call.accept")).toHaveLength(1);
    const order = server.taken.map(({ type }) => type);
    expect(order.indexOf("call.accept")).toBeLessThan(order.indexOf("peer.join"));
  });

  it("too late, is neither filmed nor heard", async () => {
    const { desk, server, media, timers } = agentPage();
    server.say(ringing);
    server.answer = ({ id }) => [{ type: "refused", re: id, code: "not_yours", why: "" }];
    await desk.accept("video");
    await timers.pass(0);
    expect(desk.state.refused?.code).toBe("not_yours");
    expect(media.live).toEqual([]);
  });
});

describe("an agent's page that was reloaded in a call", () => {
  it("opens what the call was accepted with, and what is switched off stays off", async () => {
    for (const [how, live] of [["voice", ["audio"]], ["video", ["audio", "video"]]] as const) {
      const { desk, server, media, timers } = agentPage("call_1");
      server.say({ ...talking, answer: how });
      server.say(peersView({ seq: 2 }));
      await timers.pass(0);
      expect(media.live).toEqual(live);
      await desk.cameraOff();
      server.say({ ...talking, seq: 6, answer: how });
      await timers.pass(0);
      expect(media.live).toEqual(["audio"]);
      await desk.switchCamera();
      expect(media.live).toEqual(["audio"]);
    }
  });
});

describe("duty", () => {
  it("is said again when the server asks, for the timers of a page in the background may sleep", () => {
    const { server, said } = agentPage();
    const before = said("presence.beat").length;
    server.open?.deliver({ type: "nudge" });
    expect(said("presence.beat")).toHaveLength(before + 1);
  });

  it("is kept over a reload and keeps the screen awake", () => {
    const { lock, said } = agentPage();
    expect(said("presence.beat").at(-1)).toMatchObject({ duty: true });
    expect([...lock.held]).toEqual(["duty"]);
  });

  it("ends here when it ended on another device", async () => {
    const { desk, server, lock, timers, said } = agentPage();
    server.say({ type: "presence.off_duty" });
    expect(desk.state.duty).toBe(false);
    await timers.pass(15_000);
    expect(said("presence.beat").at(-1)).toMatchObject({ duty: false });
    expect([...lock.held]).toEqual([]);
  });
});

describe("a ring that is shown", () => {
  it("is acknowledged once, whatever comes of it", async () => {
    const { server, timers, said } = agentPage();
    server.answer = ({ id, type }) =>
      type === "call.heard" ? [{ type: "refused", re: id, code: "not_yours", why: "" }] : [{ type: "done", re: id, call: null }];
    server.say(ringing);
    server.say({ ...ringing, seq: 2, due: 40_000 });
    await timers.pass(1);
    expect(said("call.heard").map(({ call }) => call)).toEqual(["call_1"]);
    server.say(callView({ seq: 1, side: "agent", state: "ringing", call: "call_2" }));
    await timers.pass(1);
    expect(said("call.heard").map(({ call }) => call)).toEqual(["call_1", "call_2"]);
  });

  it("elsewhere is not acknowledged here", async () => {
    const { server, timers, said } = agentPage();
    server.say({ ...ringing, here: false });
    await timers.pass(1);
    expect(said("call.heard")).toEqual([]);
  });
});
