/**
 * One side of the peer connection.
 *
 * The buyer alone makes the first offer and every later one, because two first offers at once leave one side's ICE agent
 * wedged for good. Messages of the other side are worked off one after another. Either page's reload (another `inst`) and
 * every wedge are met in the same way: a new RTCPeerConnection on both sides.
 */
import type { Candidate, PeerCandidateFound, PeerDescribed, PeersView, Side } from "../protocol/messages";
import type { Timers } from "./clock";
import { Flow } from "./flow";
import type { Outgoing } from "./link";
import { Refusal } from "./refusal";
import { configuration, fingerprint, type Kind, sendKeyFrame, transceiverOf } from "./rtc";

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
  /** Nothing has arrived for a while: is the line alive? `lineIsUp` is the answer. */
  doubt(): void;
  /** The server did not let this kind of media pass: the person has not agreed to it. */
  refused(kind: Kind): void;
}

const WEDGED_AFTER = 2_000;
const RESTART_AGAIN_AFTER = 4_000;
const ANSWERED_WITHIN = 4_000;
const NOT_CONSENTED: Readonly<Record<string, Kind>> = { camera_not_consented: "video", microphone_not_consented: "audio" };
/** How long a connection made ahead may wait: the network it was made for may be gone by then. */
const PREPARED_FOR = 30_000;

export class Peer {
  readonly #options: PeerOptions;
  readonly #listener: PeerListener;
  #peers: PeersView | undefined;
  #pair = "";
  #pc: RTCPeerConnection | undefined;
  #own = new MediaStream();
  #tracks: Record<Kind, MediaStreamTrack | null> = { audio: null, video: null };
  #sends: Record<Kind, boolean> = { audio: false, video: false };
  #receives: Record<Kind, boolean> = { audio: true, video: true };
  #round = 0;
  #announced = 0;
  #candidates: Candidate[] = [];
  #early: PeerCandidateFound[] = [];
  #chain: Promise<void> = Promise.resolve();
  #offering = false;
  #wish: "offer" | "restart" | undefined;
  #media: MediaState = "connecting";
  #restartedAt = 0;
  #preparedAt = -Infinity;
  #reached = false;
  readonly #flow: Flow;
  #cancelWatch: () => void = () => undefined;
  #cancelAwait: () => void = () => undefined;

  constructor(options: PeerOptions, listener: PeerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#flow = new Flow(options.timers, { flows: () => this.#flows(), stalls: () => this.#stalls() });
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
  async put(kind: Kind, track: MediaStreamTrack | null, sends: boolean): Promise<void> {
    this.#tracks[kind] = track;
    this.#sends[kind] = sends;
    await transceiverOf(this.#pc, kind)?.sender.replaceTrack(track);
    this.#direct(kind);
  }

  /** Whether the other side's picture is wanted; the buyer's page offers anew when that changes. */
  receivePicture(wanted: boolean): void {
    this.#receives.video = wanted;
    this.#direct("video");
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
    if (this.#offering) this.#retake();
    else this.#restart();
  }

  /** Signalling answers: carry out what was put off. */
  lineIsUp(): void {
    const wish = this.#wish;
    this.#wish = undefined;
    if (wish === "restart") this.#restart();
    else if (wish === "offer") this.#offer();
  }

  close(): void {
    this.#flow.stop();
    this.#cancelWatch();
    this.#cancelAwait();
    this.#pc?.close();
    this.#pc = undefined;
  }

  get #other(): string | undefined {
    return (this.#options.side === "buyer" ? this.#peers?.agent : this.#peers?.buyer)?.inst;
  }

  #build(): void {
    this.#pc?.close();
    const pc = (this.#pc = this.#options.rtc(configuration(this.#peers?.ice ?? [])));
    this.#offering = false;
    this.#early = [];
    this.#candidates = [];
    this.#chain = Promise.resolve();
    this.#flow.watch(pc);
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
          direction: this.#direction(kind),
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
      const refused = NOT_CONSENTED[error.code];
      if (refused !== undefined) this.#listener.refused(refused);
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
    if (kind === "offer") this.#awaitAnswer(pc);
    await done;
  }

  #awaitAnswer(pc: RTCPeerConnection): void {
    this.#cancelAwait();
    this.#cancelAwait = this.#options.timers.after(ANSWERED_WITHIN, () => {
      if (pc === this.#pc && this.#offering) this.#retake();
    });
  }

  /** An offer that nobody answers is taken back and made anew: until then nothing else can be negotiated. */
  #retake(): void {
    this.#offering = false;
    if (this.#pc?.connectionState !== "connected") {
      if (this.#options.lineUp()) this.#rebuild();
      else this.#wish = "restart";
      return;
    }
    this.#then(async (pc) => {
      if (pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
      this.#candidates = [];
      this.#offer(true);
    });
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
    if (pc.connectionState === "connected") this.#flows();
    else if (pc.connectionState === "failed") this.#restart();
  }

  /** ICE that has not begun two seconds after both descriptions stand never will: begin anew with a fresh connection. */
  #watch(pc: RTCPeerConnection): void {
    this.#cancelWatch();
    this.#cancelWatch = this.#options.timers.after(WEDGED_AFTER, () => {
      if (pc !== this.#pc || pc.iceConnectionState !== "new") return;
      if (this.#options.side === "agent") this.#restart();
      else this.#rebuild();
    });
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
    if (!this.#options.lineUp() || now - this.#restartedAt < RESTART_AGAIN_AFTER) {
      this.#wish = "restart";
      return;
    }
    this.#restartedAt = now;
    if (this.#options.side === "agent") this.#options.send({ type: "peer.restart", call, to });
    else if (this.#pc.iceConnectionState === "new" || this.#pc.connectionState === "failed") this.#rebuild();
    else this.#offer(true);
  }

  #flows(): void {
    const returned = this.#media === "stalled";
    if (this.#wish === "restart") this.#wish = undefined;
    this.#become("flowing");
    if (!this.#reached) {
      this.#reached = true;
      this.#listener.reached();
    }
    if (returned) void sendKeyFrame(transceiverOf(this.#pc, "video")?.sender);
  }

  #stalls(): void {
    if (!this.#reached) return;
    this.#become("stalled");
    if (this.#options.timers.now() - this.#restartedAt < RESTART_AGAIN_AFTER) return;
    // first to know whether the line lives: a restart without signalling only delays recovery
    this.#wish = "restart";
    this.#listener.doubt();
  }

  #become(media: MediaState): void {
    if (media === this.#media) return;
    this.#media = media;
    this.#listener.media(media);
  }

  #direction(kind: Kind): RTCRtpTransceiverDirection {
    if (this.#receives[kind]) return this.#sends[kind] ? "sendrecv" : "recvonly";
    return this.#sends[kind] ? "sendonly" : "inactive";
  }

  /** Lets the connection send and receive what is wished now; the agent's answers follow the buyer's offers. */
  #direct(kind: Kind): void {
    const transceiver = transceiverOf(this.#pc, kind);
    const wished = this.#direction(kind);
    if (this.#options.side === "agent" || transceiver === undefined || transceiver.direction === wished) return;
    transceiver.direction = wished;
    this.#offer();
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
