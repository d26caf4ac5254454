/**
 * One side of the peer connection.
 *
 * The buyer alone makes the first offer and every later one, because two first offers at once leave one side's ICE agent
 * wedged for good. Messages of the other side are worked off one after another. Either page's reload (another `inst`) and
 * every wedge are met in the same way: a new RTCPeerConnection on both sides.
 */
import type { Candidate, PeerCandidateFound, PeerDescribed, PeersView, Side } from "../protocol/messages";
import { every, type Timers } from "./clock";
import type { Outgoing } from "./link";
import { Refusal } from "./refusal";

export type MediaState = "connecting" | "flowing" | "stalled";

export interface PeerOptions {
  readonly side: Side;
  readonly inst: string;
  readonly rtc: (configuration: RTCConfiguration) => RTCPeerConnection;
  readonly timers: Timers;
  readonly send: (message: Outgoing) => void;
  readonly ask: (message: Outgoing) => Promise<unknown>;
  /** Whether signalling answers: an ICE restart without it only delays recovery. */
  readonly lineUp: () => boolean;
}

export interface PeerListener {
  media(state: MediaState): void;
  /** A new connection: its remote tracks arrive in this stream. */
  stream(stream: MediaStream): void;
  /** The other side was reached for the first time. */
  reached(): void;
  /** Nothing has arrived for a while: is the line alive? */
  doubt(): void;
}

const WEDGED_AFTER = 2_000;
const STALLED_AFTER = 1_500;
const RESTART_AGAIN_AFTER = 4_000;
const SAMPLE = 250;
/** How long a connection made ahead may wait: the network it was made for may be gone by then. */
const PREPARED_FOR = 30_000;

export class Peer {
  readonly #options: PeerOptions;
  readonly #listener: PeerListener;
  #peers: PeersView | undefined;
  #pair = "";
  #pc: RTCPeerConnection | undefined;
  #own = new MediaStream();
  #tracks: Record<"audio" | "video", MediaStreamTrack | null> = { audio: null, video: null };
  #sends: Record<"audio" | "video", boolean> = { audio: false, video: false };
  #round = 0;
  #announced = 0;
  #candidates: Candidate[] = [];
  #early: PeerCandidateFound[] = [];
  #chain: Promise<void> = Promise.resolve();
  #offering = false;
  #wish: "offer" | "restart" | undefined;
  #media: MediaState = "connecting";
  #bytes = 0;
  #flowedAt = 0;
  #restartedAt = 0;
  #preparedAt = -Infinity;
  #reached = false;
  #cancel: (() => void)[] = [];

  constructor(options: PeerOptions, listener: PeerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#cancel.push(every(options.timers, SAMPLE, () => void this.#sample()));
  }

  get round(): number {
    return Math.max(this.#round, this.#peers?.round ?? 0);
  }

  /** Learns who the two pages are; builds a new connection when either is another than before. */
  update(peers: PeersView): void {
    this.#peers = peers;
    const { buyer, agent } = peers;
    const own = this.#options.side === "buyer" ? buyer : agent;
    if (own?.inst !== this.#options.inst) return;
    if (buyer === null || agent === null) {
      if (this.#pc === undefined) this.#prepare();
      return;
    }
    const pair = `${buyer.inst} ${agent.inst}`;
    if (pair === this.#pair) return;
    const prepared = this.#pair === "" && this.#options.timers.now() - this.#preparedAt < PREPARED_FOR;
    this.#pair = pair;
    if (prepared) this.#then((pc) => this.#announce(pc));
    else this.#rebuild();
  }

  /** Sends this track from now on; `null` sends nothing. The buyer's page offers anew when that changes what it sends. */
  async put(kind: "audio" | "video", track: MediaStreamTrack | null, sends: boolean): Promise<void> {
    const before = this.#sends[kind];
    this.#tracks[kind] = track;
    this.#sends[kind] = sends;
    const transceiver = this.#transceiver(kind);
    if (transceiver === undefined) return;
    await transceiver.sender.replaceTrack(track);
    if (before !== sends && this.#options.side === "buyer") {
      transceiver.direction = sends ? "sendrecv" : "recvonly";
      this.#offer();
    }
  }

  described(message: PeerDescribed): void {
    if (message.by !== this.#other) return;
    this.#then(async () => {
      if (message.kind === "offer") await this.#answer(message);
      else await this.#accept(message);
      await this.#addEarly();
    });
  }

  candidateFound(message: PeerCandidateFound): void {
    if (message.by !== this.#other || message.round < this.#round) return;
    this.#early.push(message);
    this.#then(() => this.#addEarly());
  }

  /** The other side asks for a restart; the two may disagree about whether the path works. */
  restartAsked(): void {
    this.#restart();
  }

  /** Signalling answers again: carry out what was put off. */
  lineIsUp(): void {
    const wish = this.#wish;
    this.#wish = undefined;
    if (wish === "restart") this.#restart();
    else if (wish === "offer") this.#offer();
  }

  close(): void {
    for (const cancel of this.#cancel) cancel();
    this.#cancel = [];
    this.#pc?.close();
    this.#pc = undefined;
  }

  get #other(): string | undefined {
    return (this.#options.side === "buyer" ? this.#peers?.agent : this.#peers?.buyer)?.inst;
  }

  #build(): void {
    this.#pc?.close();
    const servers = this.#peers?.ice ?? [];
    const pc = this.#options.rtc({
      bundlePolicy: "max-bundle",
      iceServers: servers.map(({ urls, username, credential }) => ({
        urls: [...urls],
        ...(username === null ? {} : { username }),
        ...(credential === null ? {} : { credential }),
      })),
    });
    this.#pc = pc;
    this.#offering = false;
    this.#early = [];
    this.#candidates = [];
    this.#chain = Promise.resolve();
    this.#become("connecting");
    const stream = new MediaStream();
    this.#listener.stream(stream);
    pc.ontrack = ({ track }) => stream.addTrack(track);
    pc.onicecandidate = ({ candidate }) => this.#found(pc, candidate);
    pc.onconnectionstatechange = () => this.#changed(pc);
    pc.onsignalingstatechange = () => {
      if (pc.signalingState === "stable") this.#watch(pc);
    };
    if (this.#options.side === "buyer") {
      for (const kind of ["audio", "video"] as const) {
        const transceiver = pc.addTransceiver(kind, {
          direction: this.#sends[kind] ? "sendrecv" : "recvonly",
          streams: [this.#own],
        });
        void transceiver.sender.replaceTrack(this.#tracks[kind]);
      }
    }
  }

  #found(pc: RTCPeerConnection, candidate: RTCIceCandidate | null): void {
    if (pc !== this.#pc || candidate === null) return;
    const { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } = candidate;
    this.#candidates.push({ candidate: text, sdpMid, sdpMLineIndex, usernameFragment });
    if (this.#announced === this.#round) this.#sendFound();
  }

  /** Candidates follow the description of their round, never the other way round. */
  #sendFound(): void {
    const { call } = this.#peers ?? {};
    const to = this.#other;
    if (call === undefined || to === undefined) return;
    for (const candidate of this.#candidates.splice(0)) {
      this.#options.send({ type: "peer.candidate", call, to, round: this.#round, candidate });
    }
  }

  #offer(restart = false): void {
    if (this.#options.side !== "buyer") return;
    if (this.#offering || !this.#options.lineUp()) {
      this.#wish = restart || this.#wish === "restart" ? "restart" : "offer";
      return;
    }
    this.#offering = true;
    this.#then((pc) => this.#makeOffer(pc, restart));
    this.#then((pc) => this.#announce(pc));
  }

  /** While it rings: an offer with its candidates stands ready, so that an answer need not wait for them. */
  #prepare(): void {
    this.#build();
    if (this.#options.side === "agent") return;
    this.#preparedAt = this.#options.timers.now();
    this.#offering = true;
    this.#then((pc) => this.#makeOffer(pc, false));
  }

  async #makeOffer(pc: RTCPeerConnection, restart: boolean): Promise<void> {
    const offer = await pc.createOffer({ iceRestart: restart });
    this.#round = this.round + 1;
    await pc.setLocalDescription(offer);
  }

  async #announce(pc: RTCPeerConnection): Promise<void> {
    if (pc.signalingState !== "have-local-offer") return;
    this.#round = Math.max(this.#round, (this.#peers?.round ?? 0) + 1);
    try {
      await this.#describe(pc, "offer");
    } catch (error) {
      this.#offering = false;
      if ((pc.signalingState as string) === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "stale_round" || error.code === "offline") this.#wish = "restart";
    }
  }

  async #answer(message: PeerDescribed): Promise<void> {
    if (this.#options.side !== "agent" || message.round <= this.#round) return;
    const before = this.#pc?.remoteDescription?.sdp;
    if (before !== undefined && fingerprint(before) !== fingerprint(message.sdp)) this.#build();
    const pc = this.#pc;
    if (pc === undefined) return;
    this.#round = message.round;
    await pc.setRemoteDescription({ type: "offer", sdp: message.sdp });
    for (const transceiver of pc.getTransceivers()) {
      const kind = transceiver.receiver.track.kind === "audio" ? "audio" : "video";
      transceiver.direction = "sendrecv";
      transceiver.sender.setStreams(this.#own);
      await transceiver.sender.replaceTrack(this.#tracks[kind]);
    }
    await pc.setLocalDescription(await pc.createAnswer());
    await this.#describe(pc, "answer");
  }

  async #accept(message: PeerDescribed): Promise<void> {
    const pc = this.#pc;
    if (message.round !== this.#round || pc?.signalingState !== "have-local-offer") return;
    await pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
    this.#offering = false;
    this.lineIsUp();
  }

  async #describe(pc: RTCPeerConnection, kind: "offer" | "answer"): Promise<void> {
    const { call } = this.#peers ?? {};
    const to = this.#other;
    const sdp = pc.localDescription?.sdp;
    if (call === undefined || to === undefined || sdp === undefined) return;
    const done = this.#options.ask({ type: "peer.describe", call, to, round: this.#round, kind, sdp });
    this.#announced = this.#round;
    this.#sendFound();
    await done;
  }

  async #addEarly(): Promise<void> {
    const pc = this.#pc;
    if (!pc?.remoteDescription || pc.signalingState !== "stable") return;
    const ready = this.#early.filter(({ round }) => round === this.#round);
    this.#early = this.#early.filter(({ round }) => round > this.#round);
    for (const { candidate } of ready) await pc.addIceCandidate(candidate);
  }

  #changed(pc: RTCPeerConnection): void {
    if (pc !== this.#pc) return;
    if (pc.connectionState === "connected") this.#flow();
    else if (pc.connectionState === "failed") this.#restart();
  }

  /** ICE that has not begun two seconds after both descriptions stand never will: begin anew with a fresh connection. */
  #watch(pc: RTCPeerConnection): void {
    const cancel = this.#options.timers.after(WEDGED_AFTER, () => {
      if (pc !== this.#pc || pc.iceConnectionState !== "new") return;
      if (this.#options.side === "agent") this.#restart();
      else this.#rebuild();
    });
    this.#cancel.push(cancel);
  }

  #rebuild(): void {
    this.#build();
    this.#offer();
  }

  #restart(): void {
    const now = this.#options.timers.now();
    const call = this.#peers?.call;
    const to = this.#other;
    if (call === undefined || to === undefined || this.#pc === undefined) return;
    if (!this.#options.lineUp()) {
      this.#wish = "restart";
      return;
    }
    if (now - this.#restartedAt < RESTART_AGAIN_AFTER) return;
    this.#restartedAt = now;
    if (this.#options.side === "agent") this.#options.send({ type: "peer.restart", call, to });
    else if (this.#pc.iceConnectionState === "new" || this.#pc.connectionState === "failed") this.#rebuild();
    else this.#offer(true);
  }

  /** Bytes tell sooner than ICE, which takes five to seven seconds to notice that nothing arrives. */
  async #sample(): Promise<void> {
    const pc = this.#pc;
    if (pc === undefined || !this.#reached) return;
    let bytes = 0;
    for (const report of (await pc.getStats()).values() as Iterable<{ type: string; bytesReceived?: number }>) {
      if (report.type === "transport") bytes += report.bytesReceived ?? 0;
    }
    if (pc !== this.#pc) return;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#flow();
    } else if (this.#options.timers.now() - this.#flowedAt > STALLED_AFTER) {
      this.#become("stalled");
      this.#listener.doubt();
      this.#restart();
    }
  }

  #flow(): void {
    const returned = this.#media === "stalled";
    this.#flowedAt = this.#options.timers.now();
    this.#become("flowing");
    if (!this.#reached) {
      this.#reached = true;
      this.#listener.reached();
    }
    if (returned) void this.#sendKeyFrame();
  }

  /** A key frame at once saves the other side up to two seconds of frozen picture. */
  async #sendKeyFrame(): Promise<void> {
    const sender = this.#transceiver("video")?.sender;
    if (!sender?.track) return;
    // `encodingOptions` is newer than the types
    const asked = sender as unknown as { setParameters(p: RTCRtpSendParameters, o: object): Promise<void> };
    try {
      await asked.setParameters(sender.getParameters(), { encodingOptions: [{ keyFrame: true }] });
    } catch {
      // a browser without this option sends its next key frame when it likes
    }
  }

  #become(media: MediaState): void {
    if (media === this.#media) return;
    this.#media = media;
    this.#listener.media(media);
  }

  #transceiver(kind: "audio" | "video"): RTCRtpTransceiver | undefined {
    return this.#pc?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
  }

  #then(work: (pc: RTCPeerConnection) => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      const pc = this.#pc;
      if (pc === undefined) return;
      try {
        await work(pc);
      } catch (error) {
        // a connection that was replaced meanwhile may fail as it likes; a living one is built anew
        if (pc === this.#pc && pc.signalingState !== "closed") {
          console.warn("kanhuo: negotiation failed", error);
          this.#restart();
        }
      }
    });
  }
}

/** The DTLS fingerprint names the RTCPeerConnection that made a description. */
export function fingerprint(sdp: string): string {
  return /^a=fingerprint:(.+)$/mu.exec(sdp)?.[1]?.trim() ?? "";
}
