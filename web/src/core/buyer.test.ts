import { describe, expect, it } from "vitest";
import { answer, buyerPage, talkingBuyer } from "../testing/pages";
import { callView, peersView } from "../testing/views";

const refuses = (code: "already_in_call" | "camera_not_consented" | "expired") => ({ id }: { id: number }) =>
  [{ type: "refused", re: id, code, why: "" }] as const;

describe("a buyer who hangs up", () => {
  it("is heard no more from the tap on, even while the line is down, and the server learns it once", async () => {
    const { buyer, server, media, timers, said } = await talkingBuyer();
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    buyer.hangUp();
    expect(media.live).toEqual([]);
    expect(buyer.state.call).toMatchObject({ state: "ended", reason: "completed" });
    expect(buyer.carries).toBeUndefined();
    await timers.pass(5_000);
    server.accept();
    server.say(callView({ seq: 4, state: "talking" }));
    await timers.pass(5_000);
    expect(buyer.state.call?.state).toBe("ended");
    expect(media.live).toEqual([]);
    expect(said("call.hang_up")).toHaveLength(1);
  });

  it("takes the server's word for why it ended", async () => {
    const { buyer, server } = await talkingBuyer();
    buyer.hangUp();
    server.say(callView({ seq: 4, state: "ended", reason: "agent_lost" }));
    expect(buyer.state.call?.reason).toBe("agent_lost");
  });
});

describe("a line that is closed for good", () => {
  it("leaves no microphone open and no call going on", async () => {
    const { buyer, server, media, timers } = await talkingBuyer();
    server.cut();
    await timers.pass(1);
    server.refusal = "expired";
    server.accept();
    expect(media.live).toEqual([]);
    expect(buyer.state.call).toMatchObject({ state: "ended", reason: "buyer_lost" });
  });
});

describe("the buyer's camera", () => {
  it("is one camera, however often it is asked for", async () => {
    const { buyer, media, timers } = await talkingBuyer();
    media.asks = true;
    const taps = [buyer.cameraOn(), buyer.cameraOn(), buyer.cameraOn()];
    for (let n = 0; n < 4; n += 1) {
      media.allow();
      await timers.pass(0);
    }
    expect(await Promise.all(taps)).toEqual([false, false, true]);
    expect(media.live).toEqual(["audio", "video"]);
    buyer.hangUp();
    expect(media.live).toEqual([]);
  });

  it("stays off, and is not agreed to, when it was switched off before it opened", async () => {
    const { buyer, media, said, timers } = await talkingBuyer();
    media.asks = true;
    const on = buyer.cameraOn();
    await timers.pass(0);
    await buyer.cameraOff();
    media.allow();
    expect(await on).toBe(false);
    expect(media.live).toEqual(["audio"]);
    expect(said("consent.give").map(({ purpose }) => purpose)).toEqual(["microphone"]);
  });

  it("is stopped when it opens after the end", async () => {
    const { buyer, media, timers } = await talkingBuyer();
    media.asks = true;
    const on = buyer.cameraOn();
    await timers.pass(0);
    buyer.hangUp();
    media.allow();
    expect(await on).toBe(false);
    expect(media.live).toEqual([]);
  });

  it("is agreed to before it is offered", async () => {
    const { buyer, server, timers, connections } = await talkingBuyer();
    const before = server.taken.length;
    await buyer.cameraOn();
    await timers.pass(0);
    const said = server.taken.slice(before).map((message) => (message.type === "consent.give" ? message.purpose : message.type));
    expect(said.indexOf("camera")).toBeGreaterThanOrEqual(0);
    expect(said.indexOf("camera")).toBeLessThan(said.indexOf("peer.describe"));
    expect(connections.at(-1)?.localDescription?.sdp).toContain("m=video sendrecv");
  });

  it("goes off when the server lets its picture not pass, and the next offer is without it", async () => {
    const { buyer, server, media, timers, said } = await talkingBuyer();
    const done = server.answer;
    server.answer = (message) =>
      message.type === "peer.describe" && message.sdp.includes("m=video sendrecv")
        ? refuses("camera_not_consented")(message)
        : done(message);
    await buyer.cameraOn();
    await timers.pass(0);
    expect(buyer.state.talk.camera).toBe(false);
    expect(media.live).toEqual(["audio"]);
    expect(said("peer.describe").at(-1)?.sdp).toContain("m=video recvonly");
  });

  it("goes off with voice only, and no picture is asked for any more", async () => {
    const page = await talkingBuyer();
    const { buyer, media, timers, said } = page;
    await buyer.cameraOn();
    await timers.pass(0);
    answer(page, said("peer.describe").at(-1));
    await timers.pass(0);
    buyer.setVoiceOnly(true);
    await timers.pass(0);
    answer(page, said("peer.describe").at(-1));
    await timers.pass(0);
    expect(media.live).toEqual(["audio"]);
    expect(said("peer.describe").at(-1)?.sdp).toContain("m=video inactive");
    expect(said("consent.withdraw")).toHaveLength(1);
  });
});

describe("the buyer's microphone", () => {
  it("that is opened later is agreed to before it is offered", async () => {
    const { buyer, server, media, timers } = buyerPage();
    media.asks = true;
    const first = buyer.openMicrophone();
    media.questions.splice(0)[0]?.refuse("NotAllowedError");
    expect(await first).toBe(false);
    await buyer.ask("video");
    server.say(callView({ seq: 1, state: "connecting" }));
    server.say(peersView({ seq: 1 }));
    await timers.pass(0);
    const before = server.taken.length;
    const second = buyer.openMicrophone();
    media.allow();
    expect(await second).toBe(true);
    await timers.pass(0);
    expect(server.taken[before]).toMatchObject({ type: "consent.give", purpose: "microphone" });
    expect(buyer.state.talk.microphoneTrouble).toBeNull();
  });

  it("that is pulled out is told to the other side", async () => {
    const { buyer, media, said } = await talkingBuyer();
    media.tracks[0]?.unplug();
    expect(buyer.state.talk).toMatchObject({ microphone: false, microphoneTrouble: "failed" });
    expect(said("peer.media").at(-1)).toMatchObject({ audio: false });
  });

  it("opens once while its question is open", async () => {
    const { buyer, media } = buyerPage();
    media.asks = true;
    const taps = [buyer.openMicrophone(), buyer.openMicrophone()];
    expect(media.questions).toHaveLength(1);
    media.allow();
    expect(await Promise.all(taps)).toEqual([true, true]);
  });
});

describe("a buyer who asks", () => {
  it("asks once, however often she taps", async () => {
    const { buyer, server, said } = buyerPage();
    await Promise.all([buyer.ask("video"), buyer.ask("video")]);
    server.say(callView({ seq: 1, state: "ringing" }));
    await buyer.ask("video");
    expect(said("call.ask")).toHaveLength(1);
  });

  it("is not listened to where the server refuses, and may ask again", async () => {
    const { buyer, server, media, said } = buyerPage();
    const done = server.answer;
    server.answer = refuses("already_in_call");
    await buyer.openMicrophone();
    await buyer.ask("video");
    expect(buyer.state.refused?.code).toBe("already_in_call");
    expect(media.live).toEqual([]);
    server.answer = done;
    await buyer.ask("video");
    expect(buyer.state.refused).toBeNull();
    expect(said("call.ask")).toHaveLength(2);
  });

  it("and begins again sees no call of before", () => {
    const { buyer } = buyerPage(["call_1"]);
    expect(buyer.state.welcome?.live).toEqual(["call_1"]);
    buyer.startAgain();
    expect(buyer.state.welcome?.live).toEqual([]);
    expect(buyer.state.elsewhere).toBe(false);
  });
});

describe("the buyer's connection", () => {
  it("offers anew when nobody answers", async () => {
    const { buyer, timers, said } = await talkingBuyer();
    await buyer.cameraOn();
    await timers.pass(0);
    const rounds = said("peer.describe").map(({ round }) => round);
    await timers.pass(4_000);
    const again = said("peer.describe").map(({ round }) => round);
    expect(again.length).toBe(rounds.length + 1);
    expect(again.at(-1)).toBeGreaterThan(rounds.at(-1) ?? 0);
  });

  it("offers anew at once when the agent could not answer", async () => {
    const { buyer, server, timers, said } = await talkingBuyer();
    await buyer.cameraOn();
    await timers.pass(0);
    const before = said("peer.describe").length;
    server.say({ type: "peer.restart_asked", call: "call_1", by: "a" });
    await timers.pass(0);
    expect(said("peer.describe")).toHaveLength(before + 1);
  });

  it("restarts when nothing arrives, once the line has proved to live", async () => {
    const { connections, timers, server, said } = await talkingBuyer();
    const connection = connections.at(-1);
    if (connection !== undefined) connection.bytes = 1_000;
    await timers.pass(5_000);
    const before = said("peer.describe").length;
    expect(said("peer.describe").at(-1)?.sdp).toContain("restart");
    const socket = server.open;
    if (socket !== undefined) socket.dead = true;
    await timers.pass(4_000);
    expect(said("peer.describe")).toHaveLength(before);
    server.accept();
    await timers.pass(500);
    expect(said("peer.describe").length).toBeGreaterThan(before);
  });
});
