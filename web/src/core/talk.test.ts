import { describe, expect, it } from "vitest";
import type { Side } from "../protocol/messages";
import { surroundings } from "../testing/pages";
import { callView, peersView } from "../testing/views";
import type { Outgoing } from "./link";
import { emptyRoom, type Room } from "./room";
import { Talk } from "./talk";

const room = (about: Partial<Room> = {}): Room => ({ ...emptyRoom, call: callView({ state: "connecting" }), peers: peersView(), ...about });

/** The media of one side, its person asked for every device. */
function side(which: Side = "buyer") {
  const { around, media, connections, lock, timers } = surroundings(which === "buyer" ? "b" : "a");
  const said: Outgoing[] = [];
  const send = (message: Outgoing): unknown => said.push(message);
  const ask = (message: Outgoing): Promise<unknown> => Promise.resolve(send(message));
  const talk = new Talk({ ...around, side: which, send, ask, lineUp: () => true, probe: () => undefined });
  const told = () => said.flatMap((one) => (one.type === "peer.media" ? [{ audio: one.audio, video: one.video, facing: one.facing }] : []));
  const sent = (kind: string): unknown => connections.at(-1)?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind)?.sender.track;
  /** The person's answer to the question that stands on her screen: yes, or the name of the browser's error. */
  const reply = async (word: string): Promise<void> => {
    await timers.pass(0);
    const [question] = media.questions.splice(0, 1);
    if (question === undefined) throw new Error("nothing is asked");
    if (word === "yes") question.allow();
    else question.refuse(word);
    await timers.pass(0);
  };
  const begin = async (): Promise<void> => {
    await talk.follow(room());
    await timers.pass(0);
  };
  return { talk, media, connections, lock, timers, said, told, sent, reply, begin };
}

describe("switching the camera", () => {
  it("closes the one before it opens the other, and negotiates nothing", async () => {
    const { talk, media, said, sent, timers, begin } = side();
    await begin();
    await talk.openCamera("environment");
    await timers.pass(0);
    const offers = said.filter(({ type }) => type === "peer.describe").length;
    media.asks = true;
    const switched = talk.switchCamera();
    await timers.pass(0);
    expect(media.live, "while the other is being asked for").toEqual([]);
    media.allow();
    expect(await switched).toBe(true);
    await timers.pass(0);
    expect(talk.state.facing).toBe("user");
    expect(sent("video")).toBe(media.tracks.at(-1));
    expect(said.filter(({ type }) => type === "peer.describe")).toHaveLength(offers);
  });

  it("that fails leaves no camera on, and says so here and there", async () => {
    const { talk, media, told, sent, reply, begin } = side();
    await begin();
    await talk.openCamera("environment");
    media.asks = true;
    const switched = talk.switchCamera();
    await reply("NotReadableError");
    expect(await switched).toBe(false);
    expect(talk.state).toMatchObject({ camera: false, facing: null, own: null, cameraTrouble: "in_use" });
    expect(told().at(-1)).toMatchObject({ video: false, facing: null });
    expect(sent("video")).toBeNull();
    expect(media.live).toEqual([]);
  });

  it("does nothing where the camera is off", async () => {
    const { talk, media } = side();
    expect(await talk.switchCamera()).toBe(false);
    expect(media.tracks).toEqual([]);
  });
});

describe("a device that opens too late", () => {
  it.each(["microphone", "camera", "both"] as const)("is stopped: %s after the end", async (which) => {
    const { talk, media, timers } = side();
    media.asks = true;
    const opening = { microphone: () => talk.openMicrophone(), camera: () => talk.openCamera("environment"), both: () => talk.openBoth("environment") };
    const opened: Promise<unknown> = opening[which]();
    await timers.pass(0);
    talk.end();
    media.allow();
    await opened;
    expect(media.tracks).not.toEqual([]);
    expect(media.live).toEqual([]);
    expect(talk.state).toMatchObject({ microphone: false, camera: false, own: null });
  });

  it("is stopped where her yes is refused, and nothing of it was sent", async () => {
    const { talk, media, told, begin } = side();
    await begin();
    expect(await talk.openCamera("environment", () => Promise.reject(new Error("no")))).toBe(false);
    expect(media.live).toEqual([]);
    expect(told().some(({ video }) => video)).toBe(false);
    expect(talk.state.cameraTrouble).toBe("failed");
  });
});

describe("a device that cannot be had", () => {
  it.each([["NotAllowedError", "denied"], ["NotFoundError", "none"], ["NotReadableError", "in_use"]])("is explained: %s", async (name, trouble) => {
    const { talk, media, reply } = side();
    media.asks = true;
    const [microphone, camera] = [talk.openMicrophone(), talk.openCamera("environment")];
    await reply(name);
    await reply(name);
    expect(await Promise.all([microphone, camera])).toEqual([false, false]);
    expect(talk.state).toMatchObject({ microphone: false, camera: false, microphoneTrouble: trouble, cameraTrouble: trouble });
    talk.dismissTrouble();
    expect(talk.state).toMatchObject({ microphoneTrouble: null, cameraTrouble: null });
  });

  it("is no reason to do without the other", async () => {
    for (const [answers, live] of [
      [["NotFoundError", "yes", "NotFoundError"], ["audio"]],
      [["NotAllowedError", "NotAllowedError", "yes"], ["video"]],
    ] as const) {
      const { talk, media, reply } = side("agent");
      media.asks = true;
      const opened = talk.openBoth("environment");
      for (const word of answers) await reply(word);
      await opened;
      expect(media.live).toEqual(live);
      expect([talk.state.microphone, talk.state.camera]).toEqual([live[0] === "audio", live[0] === "video"]);
    }
  });

  it("keeps its explanation over the end of the call, for the next one", async () => {
    const { talk, media, reply } = side();
    media.asks = true;
    void talk.openMicrophone();
    await reply("NotAllowedError");
    talk.end();
    expect(talk.state.microphoneTrouble).toBe("denied");
  });
});

describe("the microphone", () => {
  it("that is muted before it opens is silent when it does", async () => {
    const { talk, media, told, begin } = side();
    talk.mute(true);
    await talk.openMicrophone();
    await begin();
    expect(media.tracks[0]?.enabled).toBe(false);
    expect(told().at(-1)).toMatchObject({ audio: false });
    talk.mute(false);
    expect(media.tracks[0]?.enabled).toBe(true);
    expect(told().at(-1)).toMatchObject({ audio: true });
  });

  it("that the system silences, as for a telephone call, is told to the other side until it is back", async () => {
    const { talk, media, told, begin } = side();
    await talk.openMicrophone();
    await begin();
    const track = media.tracks[0];
    if (track === undefined) throw new Error("there is no microphone");
    for (const muted of [true, false]) {
      track.muted = muted;
      (muted ? track.onmute : track.onunmute)?.();
      expect(told().at(-1)).toMatchObject({ audio: !muted });
    }
  });
});

describe("the camera", () => {
  it("that is pulled out is off, here and there", async () => {
    const { talk, media, told, begin } = side();
    await begin();
    await talk.openCamera("environment");
    media.tracks[0]?.unplug();
    expect(talk.state).toMatchObject({ camera: false, own: null });
    expect(told().at(-1)).toMatchObject({ video: false });
  });

  it("shows goods sharply, and people smoothly", async () => {
    const { talk, media } = side();
    await talk.openCamera("environment");
    await talk.switchCamera();
    expect(media.tracks.map(({ contentHint }) => contentHint)).toEqual(["detail", "motion"]);
  });
});

describe("what a page sends", () => {
  it("is said once, and again to a server that may have forgotten it", async () => {
    const { talk, told, begin } = side();
    await begin();
    talk.mute(true);
    talk.mute(true);
    expect(told()).toHaveLength(1);
    talk.rejoin("call_1");
    expect(told()).toHaveLength(2);
  });

  it("asks for no picture with voice only, from the first offer on", async () => {
    const { talk, said, begin } = side();
    talk.setVoiceOnly(true);
    await begin();
    const [offer] = said.flatMap((one) => (one.type === "peer.describe" ? [one.sdp] : []));
    expect(offer).toContain("m=video inactive");
  });

  it("keeps the agent's line prepared while her camera is off", async () => {
    const { talk, media, sent, connections, said, timers, begin } = side("agent");
    await begin();
    talk.hear({ type: "peer.described", call: "call_1", by: "b", round: 1, kind: "offer", sdp: "v=0" });
    await timers.pass(0);
    await talk.openCamera("environment");
    expect(sent("video")).toBe(media.tracks[0]);
    await talk.closeCamera();
    expect(sent("video")).toBeNull();
    expect(connections.at(-1)?.getTransceivers().at(-1)?.direction).toBe("sendrecv");
    expect(said.filter(({ type }) => type === "peer.describe")).toHaveLength(1);
  });
});

describe("a page that joins", () => {
  it("says the highest round that it knows, so that a restarted server counts on", async () => {
    const { talk, said, begin } = side();
    await begin();
    talk.rejoin("call_1");
    expect(said.findLast(({ type }) => type === "peer.join")).toMatchObject({ call: "call_1", round: 1 });
  });
});

describe("the talk", () => {
  it("keeps the screen awake for as long as it goes on", async () => {
    const { talk, lock, begin } = side();
    await begin();
    expect([...lock.held]).toEqual(["talk"]);
    await talk.follow(room({ call: callView({ state: "ended" }) }));
    expect([...lock.held]).toEqual([]);
  });

  it.each([["the call has ended", { state: "ended" }], ["another page carries it", { here: false }]] as const)(
    "is over when %s: nobody is heard or seen, and nothing is connected",
    async (_, about) => {
      const { talk, media, connections, begin } = side();
      await talk.openMicrophone();
      await talk.openCamera("environment");
      await begin();
      await talk.follow(room({ call: callView({ seq: 2, state: "talking", ...about }) }));
      expect(media.live).toEqual([]);
      expect(connections.map(({ signalingState }) => signalingState)).toEqual(["closed"]);
      expect(talk.state).toMatchObject({ media: "connecting", remoteVideo: false, camera: false, microphone: false });
    },
  );

  it("of the next call is another connection", async () => {
    const { talk, connections, timers, begin } = side();
    await begin();
    await talk.follow(room({ call: callView({ call: "call_2", state: "connecting" }), peers: peersView({ call: "call_2" }) }));
    await timers.pass(0);
    expect(connections.map(({ signalingState }) => signalingState)).toEqual(["closed", "have-local-offer"]);
  });

  it("knows what the other side sends", async () => {
    const { talk } = side();
    await talk.follow(room({ peers: peersView({ agent: { inst: "a", audio: true, video: true, facing: "environment" } }) }));
    expect(talk.state).toMatchObject({ remoteAudio: true, remoteVideo: true, remoteFacing: "environment" });
  });

  it("is connected from the ring on, so that an answer need not wait", async () => {
    const { talk, connections, timers } = side();
    const alone = peersView({ agent: null });
    await talk.follow(room({ call: callView({ state: "waiting" }), peers: alone }));
    await timers.pass(0);
    expect(connections).toEqual([]);
    await talk.follow(room({ call: callView({ seq: 2, state: "ringing" }), peers: alone }));
    await timers.pass(0);
    expect(connections.map(({ signalingState }) => signalingState)).toEqual(["have-local-offer"]);
  });
});
