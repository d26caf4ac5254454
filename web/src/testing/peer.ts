/** One page's peer over a strict connection, a line that a test switches, and time that stands still. */
import { Peer, type MediaState } from "../core/peer";
import { Refusal } from "../core/refusal";
import type { Outgoing } from "../core/link";
import type { Code, DescriptionKind, PeerDescribed, PeersView, Side } from "../protocol/messages";
import { StrictConnection } from "./strict";
import { ManualTimers } from "./timers";
import { peersView } from "./views";

/** One page's peer: the connections it made, what it said, and what its page heard of it. */
export function page(side: Side) {
  const timers = new ManualTimers();
  const line: { up: boolean; refusal: Code | "offline" | undefined } = { up: true, refusal: undefined };
  const connections: StrictConnection[] = [];
  /** What the next connections fail with when they are to offer. */
  const faults: Error[] = [];
  const said: Outgoing[] = [];
  const media: MediaState[] = [];
  const heard: string[] = [];
  const ask = (message: Outgoing): Promise<unknown> => {
    said.push(message);
    return line.refusal === undefined ? Promise.resolve() : Promise.reject(new Refusal(line.refusal, ""));
  };
  const rtc = (): RTCPeerConnection => {
    const made = new StrictConnection(faults.shift());
    connections.push(made);
    return made as unknown as RTCPeerConnection;
  };
  const peer = new Peer(
    { side, inst: side === "buyer" ? "b" : "a", rtc, timers, ask, send: (message) => said.push(message), lineUp: () => line.up },
    {
      media: (state) => media.push(state),
      stream: () => undefined,
      reached: () => heard.push("reached"),
      doubt: () => heard.push("doubt"),
      refused: (kind) => heard.push(`refused ${kind}`),
    },
  );
  const of = <T extends Outgoing["type"]>(type: T) => said.filter((one): one is Extract<Outgoing, { type: T }> => one.type === type);
  const newest = (): StrictConnection => {
    const connection = connections.at(-1);
    if (connection === undefined) throw new Error("no connection was made");
    return connection;
  };
  const hear = async (kind: DescriptionKind, round: number, about: Partial<PeerDescribed> = {}): Promise<void> => {
    peer.described({ type: "peer.described", call: "call_1", by: side === "buyer" ? "a" : "b", round, kind, sdp: "a=fingerprint:theirs", ...about });
    await timers.pass(0);
  };
  const found = async (round: number, text: string, by = side === "buyer" ? "a" : "b"): Promise<void> => {
    const candidate = { candidate: text, sdpMid: "0", sdpMLineIndex: 0, usernameFragment: null };
    peer.candidateFound({ type: "peer.candidate_found", call: "call_1", by, round, candidate });
    await timers.pass(0);
  };
  const update = async (about: Partial<PeersView> = {}): Promise<void> => {
    peer.update(peersView(about));
    await timers.pass(0);
  };
  return { peer, timers, line, faults, connections, said, media, heard, of, newest, hear, found, update };
}

/** A page whose media flows; the restart of now is its first. */
export async function flowing(side: Side) {
  const one = page(side);
  await one.update();
  await one.hear(side === "buyer" ? "answer" : "offer", 1);
  one.newest().reach();
  await one.timers.pass(0);
  return one;
}
