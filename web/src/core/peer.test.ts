import { describe, expect, it, vi } from "vitest";
import { flowing, page } from "../testing/peer";

describe("an offer", () => {
  it("is made by the buyer as soon as both pages are known, and once", async () => {
    const { of, update, connections } = page("buyer");
    await update({ round: 4 });
    await update({ seq: 2, round: 4 });
    expect(of("peer.describe").map(({ kind, round, to }) => [kind, round, to])).toEqual([["offer", 5, "a"]]);
    expect(connections).toHaveLength(1);
  });

  it("is never made by the agent, whatever happens to the connection", async () => {
    const { peer, timers, of, newest, update, hear } = page("agent");
    await update();
    expect(of("peer.describe")).toEqual([]);
    await hear("offer", 1);
    newest().reach();
    await peer.put("video", null, true);
    peer.receivePicture(false);
    await timers.pass(6_000);
    peer.lineIsUp();
    newest().turn("failed", "failed");
    peer.restartAsked();
    await timers.pass(10_000);
    expect(of("peer.describe").map(({ kind }) => kind)).toEqual(["answer"]);
    expect(of("peer.restart").length).toBeGreaterThan(0);
  });

  it("stands ready while it rings and goes out, with its candidates after it, when the agent is known", async () => {
    const { said, connections, newest, update } = page("buyer");
    await update({ agent: null });
    expect(newest().signalingState).toBe("have-local-offer");
    newest().find("early");
    expect(said).toEqual([]);
    await update({ seq: 2 });
    newest().find("late");
    expect(connections).toHaveLength(1);
    expect(said.map((one) => (one.type === "peer.candidate" ? one.candidate.candidate : one.type))).toEqual(["peer.describe", "early", "late"]);
  });

  it("that stood ready for too long is made anew, for the network may be another by now", async () => {
    const { of, timers, connections, newest, update } = page("buyer");
    await update({ agent: null });
    newest().find("of the old network");
    await timers.pass(30_000);
    await update({ seq: 2 });
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(of("peer.describe")).toHaveLength(1);
    expect(of("peer.candidate")).toEqual([]);
  });

  it("that stood ready takes the round that is next when it goes out", async () => {
    const { of, update } = page("buyer");
    await update({ agent: null });
    await update({ seq: 2, round: 3 });
    expect(of("peer.describe").map(({ round }) => round)).toEqual([4]);
  });

  it("that nobody answers within four seconds is made anew, with another connection while none stands", async () => {
    const { of, timers, connections, update } = page("buyer");
    await update();
    await timers.pass(3_999);
    expect(connections).toHaveLength(1);
    await timers.pass(1);
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(of("peer.describe").map(({ round }) => round)).toEqual([1, 2]);
  });

  it("is not made by a page that another page of the same person has replaced", async () => {
    const { said, connections, update } = page("buyer");
    await update({ buyer: { inst: "b2", audio: false, video: false, facing: null } });
    expect([said, connections]).toEqual([[], []]);
  });

  it("waits for the line", async () => {
    const { peer, timers, line, of, update } = page("buyer");
    line.up = false;
    await update();
    expect(of("peer.describe")).toEqual([]);
    line.up = true;
    peer.lineIsUp();
    await timers.pass(0);
    expect(of("peer.describe")).toHaveLength(1);
  });

  it("that fails in the browser is made anew with another connection", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { faults, connections, of, update } = page("buyer");
    faults.push(new Error("no"));
    await update();
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(of("peer.describe")).toHaveLength(1);
  });

  it("that is refused for want of a yes says which device, and the next is made without it", async () => {
    const { peer, timers, line, heard, newest, of } = await flowing("buyer");
    line.refusal = "camera_not_consented";
    await peer.put("video", null, true);
    await timers.pass(0);
    line.refusal = undefined;
    expect(heard.at(-1)).toBe("refused video");
    expect(newest().signalingState).toBe("stable");
    await peer.put("video", null, false);
    await timers.pass(0);
    expect(of("peer.describe").map(({ sdp }) => /m=video (\w+)/u.exec(sdp)?.[1])).toEqual(["recvonly", "sendrecv", "recvonly"]);
  });
});

describe("an answer", () => {
  it("of an older round, of another page or to no offer is ignored", async () => {
    const { newest, hear, update } = page("buyer");
    await update({ round: 2 });
    await hear("answer", 2, { sdp: "old round" });
    await hear("answer", 3, { sdp: "another page", by: "a0" });
    expect(newest().signalingState).toBe("have-local-offer");
    await hear("answer", 3, { sdp: "right" });
    await hear("answer", 3, { sdp: "twice" });
    expect(newest().remoteDescription?.sdp).toBe("right");
  });

  it("sends and receives both ways, with the tracks that there are", async () => {
    const { peer, of, newest, hear, update } = page("agent");
    await update();
    const track = {} as MediaStreamTrack;
    await peer.put("audio", track, true);
    await hear("offer", 1);
    expect(newest().getTransceivers().map(({ direction, sender }) => [direction, sender.track])).toEqual([["sendrecv", track], ["sendrecv", null]]);
    expect(of("peer.describe")).toMatchObject([{ kind: "answer", round: 1, to: "b" }]);
  });

  it("keeps both lines open whatever its person wishes to see, so that only the buyer's offers decide", async () => {
    const { peer, newest } = await flowing("agent");
    peer.receivePicture(false);
    await peer.put("video", null, false);
    expect(newest().getTransceivers().map(({ direction }) => direction)).toEqual(["sendrecv", "sendrecv"]);
  });

  it("is given once to each offer, and to none of an older round", async () => {
    const { of, hear, update } = page("agent");
    await update();
    for (const round of [2, 2, 1, 3]) await hear("offer", round);
    expect(of("peer.describe").map(({ round }) => round)).toEqual([2, 3]);
  });

  it("comes from a new connection where the buyer has made a new one", async () => {
    const { connections, hear, update } = page("agent");
    await update();
    await hear("offer", 1);
    await hear("offer", 2);
    expect(connections).toHaveLength(1);
    await hear("offer", 3, { sdp: "a=fingerprint:new" });
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
  });
});

describe("a candidate", () => {
  it("that overtakes the answer waits for it", async () => {
    const { newest, hear, found, update } = page("buyer");
    await update();
    await found(1, "fast");
    expect(newest().candidates).toEqual([]);
    await hear("answer", 1);
    expect(newest().candidates).toEqual(["fast"]);
  });

  it("that is early waits for its description; an old one and a stranger's are dropped", async () => {
    const { newest, hear, found, update } = page("agent");
    await update();
    await found(2, "early");
    await found(1, "old");
    await found(2, "stranger", "b0");
    expect(newest().candidates).toEqual([]);
    await hear("offer", 2);
    await found(2, "in time");
    await found(1, "too late");
    await found(3, "of the next round");
    expect(newest().candidates).toEqual(["early", "in time"]);
    await hear("offer", 3);
    expect(newest().candidates).toEqual(["early", "in time", "of the next round"]);
  });
});

describe("a candidate of one's own", () => {
  it("follows the description of its round", async () => {
    const { said, newest, hear, update } = page("agent");
    await update();
    newest().gathers = ["at once"];
    await hear("offer", 1);
    newest().find("later");
    expect(said.map((one) => (one.type === "peer.candidate" ? [one.candidate.candidate, one.round] : one.type))).toEqual([
      "peer.describe",
      ["at once", 1],
      ["later", 1],
    ]);
  });
});

describe("a page that was reloaded", () => {
  it("is met with a new connection and a new round", async () => {
    const { connections, of, update, hear } = await flowing("buyer");
    await update({ seq: 2, round: 1, agent: { inst: "a2", audio: false, video: false, facing: null } });
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(of("peer.describe").at(-1)).toMatchObject({ round: 2, to: "a2" });
    await hear("answer", 2, { by: "a", sdp: "of the old page" });
    expect(connections.at(-1)?.remoteDescription).toBeNull();
  });
});

describe("a wedged connection", () => {
  it("is replaced by the buyer when ICE has not begun after two seconds", async () => {
    const { timers, connections, of, update, hear } = page("buyer");
    await update();
    await hear("answer", 1);
    await timers.pass(1_999);
    expect(connections).toHaveLength(1);
    await timers.pass(1);
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
    expect(of("peer.describe").map(({ round }) => round)).toEqual([1, 2]);
  });

  it("is reported by the agent", async () => {
    const { timers, connections, of, update, hear } = page("agent");
    await update();
    await hear("offer", 1);
    await timers.pass(2_000);
    expect(of("peer.restart")).toMatchObject([{ to: "b" }]);
    expect(connections).toHaveLength(1);
  });

  it("is not one that is still looking for a way", async () => {
    const { timers, connections, newest, update, hear } = page("buyer");
    await update();
    await hear("answer", 1);
    newest().turn("connecting", "checking");
    await timers.pass(3_000);
    expect(connections).toHaveLength(1);
  });
});

describe("a restart", () => {
  it("that the agent asks for is made even where the buyer's ICE says all is well", async () => {
    const { peer, timers, connections, of } = await flowing("buyer");
    peer.restartAsked();
    await timers.pass(0);
    expect(of("peer.describe").at(-1)?.sdp).toContain("restart");
    expect(connections).toHaveLength(1);
  });

  it("of a connection that has failed is a new connection", async () => {
    const { timers, newest, connections } = await flowing("buyer");
    newest().turn("failed", "failed");
    await timers.pass(0);
    expect(connections.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it("is not made while the line is down, and once when it is up", async () => {
    const { peer, timers, line, newest, connections, of } = await flowing("buyer");
    line.up = false;
    newest().turn("disconnected", "disconnected");
    peer.restartAsked();
    newest().turn("failed", "failed");
    await timers.pass(3_000);
    expect(of("peer.describe")).toHaveLength(1);
    line.up = true;
    peer.lineIsUp();
    peer.lineIsUp();
    await timers.pass(0);
    expect(of("peer.describe")).toHaveLength(2);
    expect(connections).toHaveLength(2);
  });

  it("is not made twice within four seconds", async () => {
    const { peer, timers, of } = await flowing("agent");
    peer.restartAsked();
    await timers.pass(3_999);
    peer.restartAsked();
    peer.lineIsUp();
    expect(of("peer.restart")).toHaveLength(1);
    await timers.pass(1);
    peer.lineIsUp();
    expect(of("peer.restart")).toHaveLength(2);
  });

  it("is forgotten when media comes back by itself", async () => {
    const { peer, timers, line, newest, of } = await flowing("agent");
    line.up = false;
    peer.restartAsked();
    newest().bytes += 1;
    await timers.pass(500);
    line.up = true;
    peer.lineIsUp();
    expect(of("peer.restart")).toEqual([]);
  });
});

describe("media that stops", () => {
  it("is noticed, and the line is asked for before anything is restarted", async () => {
    const { peer, timers, newest, media, heard, of } = await flowing("agent");
    newest().bytes = 100;
    await timers.pass(500);
    await timers.pass(2_000);
    expect(media.at(-1)).toBe("stalled");
    expect(heard.filter((one) => one === "doubt")).not.toEqual([]);
    expect(of("peer.restart")).toEqual([]);
    peer.lineIsUp();
    expect(of("peer.restart")).toHaveLength(1);
    newest().bytes = 200;
    await timers.pass(500);
    expect(media.at(-1)).toBe("flowing");
  });

  it("is nothing to complain of before it has begun", async () => {
    const { timers, newest, media, heard, update, hear } = page("buyer");
    await update();
    await hear("answer", 1);
    newest().turn("new", "checking");
    await timers.pass(20_000);
    expect([media, heard]).toEqual([[], []]);
  });

  it("and comes back is reported as reached only the first time", async () => {
    const { timers, newest, heard } = await flowing("buyer");
    for (const bytes of [1, 1, 1, 1, 1, 2]) {
      newest().bytes = bytes;
      await timers.pass(500);
    }
    expect(heard.filter((one) => one === "reached")).toEqual(["reached"]);
  });
});

describe("a connection that is closed", () => {
  it("offers, restarts and watches no more", async () => {
    const { peer, timers, said, media, newest, hear } = await flowing("buyer");
    const before = said.length;
    peer.close();
    peer.restartAsked();
    peer.lineIsUp();
    await hear("answer", 2);
    await timers.pass(60_000);
    expect(newest().closed).toBe(true);
    expect(said).toHaveLength(before);
    expect(media).toEqual(["flowing"]);
  });
});
