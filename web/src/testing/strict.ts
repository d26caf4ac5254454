/** A connection that refuses what the specification refuses, and remembers the candidates that it was given. */
import { FakeConnection } from "./media";

export class StrictConnection extends FakeConnection {
  readonly candidates: string[] = [];
  /** What it finds while it takes up a description of its own. */
  gathers: string[] = [];
  readonly #fault: Error | undefined;

  /** `fault` is what it fails with when it is to offer. */
  constructor(fault?: Error) {
    super();
    this.#fault = fault;
  }

  get closed(): boolean {
    return this.signalingState === "closed";
  }

  override getTransceivers(): ReturnType<FakeConnection["getTransceivers"]> {
    return super.getTransceivers().slice(0, 2);
  }

  override async createOffer(options?: { iceRestart?: boolean }): Promise<RTCSessionDescriptionInit> {
    this.#expect("stable", "have-local-offer");
    if (this.#fault !== undefined) throw this.#fault;
    return super.createOffer(options);
  }

  override async setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (description.type === "answer") this.#expect("have-remote-offer");
    else if (description.type === "offer") this.#expect("stable", "have-local-offer");
    else this.#expect("have-local-offer");
    const done = super.setLocalDescription(description);
    for (const candidate of this.gathers.splice(0)) this.find(candidate);
    await done;
  }

  override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (description.type === "answer") this.#expect("have-local-offer");
    else this.#expect("stable", "have-remote-offer");
    await super.setRemoteDescription(description);
  }

  override async addIceCandidate(candidate?: RTCIceCandidateInit): Promise<void> {
    this.#expect("stable", "have-remote-offer", "have-local-offer");
    if (this.remoteDescription === null) throw new DOMException("there is no remote description", "InvalidStateError");
    this.candidates.push(candidate?.candidate ?? "");
    await super.addIceCandidate();
  }

  /** The browser has found one of its own addresses. */
  find(candidate: string): void {
    const found = { candidate, sdpMid: "0", sdpMLineIndex: 0, usernameFragment: null };
    (this.onicecandidate as ((event: { candidate: unknown }) => void) | null)?.({ candidate: found });
  }

  /** ICE has given up, or looks for a way. */
  turn(connectionState: RTCPeerConnectionState, iceConnectionState: RTCIceConnectionState): void {
    this.connectionState = connectionState;
    this.iceConnectionState = iceConnectionState;
    this.onconnectionstatechange?.();
  }

  #expect(...states: RTCSignalingState[]): void {
    if (!states.includes(this.signalingState)) throw new DOMException(this.signalingState, "InvalidStateError");
  }
}
