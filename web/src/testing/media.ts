/** Devices and connections that do what a test says, and remember what was done to them. */
import type { ScreenLock } from "../core";

export class FakeTrack {
  readyState: "live" | "ended" = "live";
  enabled = true;
  muted = false;
  contentHint = "";
  onended: (() => void) | null = null;
  onmute: (() => void) | null = null;
  onunmute: (() => void) | null = null;
  constructor(
    readonly kind: "audio" | "video",
    readonly facing?: string,
    readonly label = "",
  ) {}

  getSettings(): MediaTrackSettings {
    return { deviceId: this.label, ...(this.facing === undefined ? {} : { facingMode: this.facing }) };
  }

  stop(): void {
    this.readyState = "ended";
  }

  /** As when a headset is pulled out: the browser stops the track by itself. */
  unplug(): void {
    this.readyState = "ended";
    this.onended?.();
  }
}

interface Question {
  readonly wanted: MediaStreamConstraints;
  readonly allow: () => void;
  readonly refuse: (name: string) => void;
}

/** `navigator.mediaDevices` whose person answers when the test says so; at once unless `asks` is set. */
export class FakeMedia {
  readonly tracks: FakeTrack[] = [];
  readonly questions: Question[] = [];
  asks = false;

  get live(): string[] {
    return this.tracks.filter(({ readyState }) => readyState === "live").map(({ kind }) => kind);
  }

  getUserMedia(wanted: MediaStreamConstraints): Promise<MediaStream> {
    return new Promise((resolve, reject) => {
      const allow = (): void => {
        const made = (["audio", "video"] as const).filter((kind) => wanted[kind]).map((kind) => new FakeTrack(kind, facing(wanted)));
        this.tracks.push(...made);
        const of = (kind: string): FakeTrack[] => made.filter((track) => track.kind === kind);
        const stream = { getTracks: () => made, getAudioTracks: () => of("audio"), getVideoTracks: () => of("video") };
        resolve(stream as unknown as MediaStream);
      };
      if (this.asks) this.questions.push({ wanted, allow, refuse: (name) => reject(new DOMException("", name)) });
      else allow();
    });
  }

  enumerateDevices(): Promise<MediaDeviceInfo[]> {
    return Promise.resolve([]);
  }

  /** Answers every question that is still open. */
  allow(): void {
    for (const { allow } of this.questions.splice(0)) allow();
  }
}

function facing(wanted: MediaStreamConstraints): string {
  return JSON.stringify(wanted.video ?? "").includes("user") ? "user" : "environment";
}

interface FakeTransceiver {
  direction: RTCRtpTransceiverDirection;
  readonly receiver: { readonly track: { readonly kind: string } };
  readonly sender: { track: unknown; replaceTrack(track: unknown): Promise<void>; setStreams(): void };
}

let made = 0;

/** An RTCPeerConnection without a network: negotiation as the specification has it, reached when the test says so. */
export class FakeConnection {
  signalingState: RTCSignalingState = "stable";
  connectionState: RTCPeerConnectionState = "new";
  iceConnectionState: RTCIceConnectionState = "new";
  localDescription: RTCSessionDescriptionInit | null = null;
  remoteDescription: RTCSessionDescriptionInit | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onsignalingstatechange: (() => void) | null = null;
  ontrack: unknown = null;
  onicecandidate: unknown = null;
  bytes = 0;
  readonly #name = `fingerprint-${(made += 1)}`;
  readonly #transceivers: FakeTransceiver[] = [];

  getTransceivers(): FakeTransceiver[] {
    return this.#transceivers;
  }

  addTransceiver(kind: string, { direction }: { direction: RTCRtpTransceiverDirection }): FakeTransceiver {
    const sender = {
      track: null as unknown,
      replaceTrack: (track: unknown) => {
        sender.track = track;
        return Promise.resolve();
      },
      setStreams: () => undefined,
    };
    const added = { direction, receiver: { track: { kind } }, sender };
    this.#transceivers.push(added);
    return added;
  }

  createOffer({ iceRestart = false } = {}): Promise<RTCSessionDescriptionInit> {
    const lines = this.#transceivers.map(({ direction, receiver }) => `m=${receiver.track.kind} ${direction}`);
    return Promise.resolve({ type: "offer", sdp: [`a=fingerprint:${this.#name}`, ...lines, iceRestart ? "restart" : ""].join("\n") });
  }

  createAnswer(): Promise<RTCSessionDescriptionInit> {
    return Promise.resolve({ type: "answer", sdp: `a=fingerprint:${this.#name}` });
  }

  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (description.type === "rollback") return this.#become("stable");
    this.localDescription = description;
    return this.#become(description.type === "offer" ? "have-local-offer" : "stable");
  }

  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.remoteDescription = description;
    if (description.type === "offer") for (const kind of ["audio", "video"]) this.addTransceiver(kind, { direction: "recvonly" });
    return this.#become(description.type === "offer" ? "have-remote-offer" : "stable");
  }

  addIceCandidate(): Promise<void> {
    return Promise.resolve();
  }

  getStats(): Promise<Map<string, unknown>> {
    return Promise.resolve(new Map([["t", { type: "transport", bytesReceived: this.bytes }]]));
  }

  close(): void {
    this.signalingState = "closed";
  }

  /** The two have found each other. */
  reach(): void {
    this.iceConnectionState = "connected";
    this.connectionState = "connected";
    this.onconnectionstatechange?.();
  }

  #become(state: RTCSignalingState): Promise<void> {
    this.signalingState = state;
    this.onsignalingstatechange?.();
    return Promise.resolve();
  }
}

/** A lock of the screen that knows who holds it. */
export class FakeLock {
  readonly held = new Set<string>();
  readonly lock = { hold: (why: string) => this.held.add(why), release: (why: string) => this.held.delete(why) } as unknown as ScreenLock;
}
