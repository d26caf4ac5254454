/** The media of one call at one side: own microphone and camera, the other side's stream, and how the line is. */
import type { Facing, PeerMedia, ServerMessage, Side } from "../protocol/messages";
import type { Camera, DeviceTrouble, Devices } from "./devices";
import { DeviceError } from "./devices";
import type { Outgoing } from "./link";
import { type MediaState, Peer, type PeerOptions } from "./peer";
import type { Room } from "./room";
import { Store } from "./store";
import type { ScreenLock } from "./wake";

export interface TalkState {
  readonly media: MediaState;
  readonly remote: MediaStream | null;
  /** What the other side says it sends. */
  readonly remoteAudio: boolean;
  readonly remoteVideo: boolean;
  readonly remoteFacing: Facing | null;
  readonly own: MediaStream | null;
  readonly microphone: boolean;
  readonly muted: boolean;
  readonly camera: boolean;
  readonly facing: Facing | null;
  /** This side wishes to see no picture of the other. */
  readonly voiceOnly: boolean;
  readonly microphoneTrouble: DeviceTrouble | null;
  readonly cameraTrouble: DeviceTrouble | null;
}

export const quiet: TalkState = {
  media: "connecting",
  remote: null,
  remoteAudio: false,
  remoteVideo: false,
  remoteFacing: null,
  own: null,
  microphone: false,
  muted: false,
  camera: false,
  facing: null,
  voiceOnly: false,
  microphoneTrouble: null,
  cameraTrouble: null,
};

export interface TalkOptions extends Omit<PeerOptions, "side" | "inst"> {
  readonly side: Side;
  readonly inst: string;
  readonly devices: Devices;
  readonly lock: ScreenLock;
  readonly mark: (name: string) => void;
  readonly probe: () => void;
}

export class Talk extends Store<TalkState> {
  readonly #options: TalkOptions;
  #peer: Peer | undefined;
  #call = "";
  #microphone: MediaStreamTrack | null = null;
  #camera: Camera | null = null;
  #told = "";
  /** Counts the talks: a device that opens late belongs to the talk it was asked for. */
  #opening = 0;

  constructor(options: TalkOptions) {
    super(quiet);
    this.#options = options;
  }

  /** Asks for the microphone. Returns whether there is one now. */
  async openMicrophone(): Promise<boolean> {
    if (this.#microphone !== null) return true;
    const opening = this.#opening;
    try {
      return await this.#takeMicrophone(opening, await this.#options.devices.microphone());
    } catch (error) {
      this.set({ microphoneTrouble: troubleOf(error) });
      return false;
    }
  }

  /** Asks for microphone and camera in one question; where one of them cannot be had, the other still is. */
  async openBoth(facing: Facing): Promise<void> {
    const opening = this.#opening;
    try {
      const { microphone, camera } = await this.#options.devices.both(facing);
      await Promise.all([this.#takeMicrophone(opening, microphone), this.#takeCamera(opening, camera)]);
    } catch {
      if (opening !== this.#opening) return;
      await this.openMicrophone();
      await this.openCamera(facing);
    }
  }

  mute(muted: boolean): void {
    if (this.#microphone !== null) this.#microphone.enabled = !muted;
    this.set({ muted });
    this.#tell();
  }

  /** Opens a camera; `agree` is called once there is a picture and before any of it is sent. */
  async openCamera(facing: Facing, agree: () => Promise<void> = () => Promise.resolve()): Promise<boolean> {
    this.#camera?.track.stop();
    const opening = this.#opening;
    let camera: Camera;
    try {
      camera = await this.#options.devices.camera(facing);
    } catch (error) {
      this.set({ cameraTrouble: troubleOf(error) });
      await this.closeCamera();
      return false;
    }
    try {
      await agree();
    } catch (error) {
      camera.track.stop();
      await this.closeCamera();
      throw error;
    }
    return this.#takeCamera(opening, camera);
  }

  async closeCamera(): Promise<void> {
    if (this.#camera !== null) {
      this.#camera.track.onended = null;
      this.#camera.track.stop();
    }
    this.#camera = null;
    // the agent's line stays prepared, so that switching on again needs no negotiation
    await this.#peer?.put("video", null, this.#options.side === "agent");
    this.set({ camera: false, facing: null, own: null });
    this.#tell();
  }

  switchCamera(agree?: () => Promise<void>): Promise<boolean> {
    return this.openCamera(this.state.facing === "user" ? "environment" : "user", agree);
  }

  setVoiceOnly(voiceOnly: boolean): void {
    this.set({ voiceOnly });
  }

  dismissTrouble(): void {
    this.set({ cameraTrouble: null, microphoneTrouble: null });
  }

  /** Follows the room: begins when both pages are known or, at the buyer's, when it rings; ends with the call. */
  async follow(room: Room): Promise<void> {
    const { call, peers } = room;
    if (call === null || call.state === "ended" || !call.here) {
      if (this.#peer !== undefined || this.#microphone !== null) this.end();
      return;
    }
    this.#call = call.call;
    if (peers === null) return;
    const remote = this.#options.side === "buyer" ? peers.agent : peers.buyer;
    if (remote !== null) {
      this.set({ remoteAudio: remote.audio, remoteVideo: remote.video, remoteFacing: remote.facing });
    }
    const both = peers.buyer !== null && peers.agent !== null;
    if (this.#peer === undefined && (both || call.state === "ringing")) await this.#begin();
    this.#peer?.update(peers);
  }

  /** Takes what the other page says. */
  hear(message: ServerMessage): void {
    if (message.type === "peer.described") this.#peer?.described(message);
    else if (message.type === "peer.candidate_found") this.#peer?.candidateFound(message);
    else if (message.type === "peer.restart_asked") this.#peer?.restartAsked();
  }

  /** The line is up again: join, say what is sent, carry out what was put off. */
  rejoin(call: string): void {
    this.#options.send({ type: "peer.join", call, round: this.#peer?.round ?? 0 });
    this.#told = "";
    this.#call = call;
    this.#tell();
    this.#peer?.lineIsUp();
  }

  end(): void {
    this.#opening += 1;
    this.#peer?.close();
    this.#peer = undefined;
    this.#microphone?.stop();
    this.#camera?.track.stop();
    this.#microphone = this.#camera = null;
    this.#told = "";
    this.#options.lock.release();
    this.set({ ...quiet, microphoneTrouble: this.state.microphoneTrouble });
  }

  async #begin(): Promise<void> {
    const { mark, lock, send, probe } = this.#options;
    const call = this.#call;
    this.#peer = new Peer(this.#options, {
      media: (media) => this.set({ media }),
      stream: (remote) => this.set({ remote }),
      reached: () => {
        mark("kanhuo:connected");
        send({ type: "call.media_up", call });
      },
      doubt: () => probe(),
    });
    lock.hold();
    const isAgent = this.#options.side === "agent";
    await this.#peer.put("audio", this.#microphone, isAgent || this.#microphone !== null);
    await this.#peer.put("video", this.#camera?.track ?? null, isAgent || this.#camera !== null);
    this.#tell();
  }

  /** Takes a microphone, unless the talk it was opened for is over: then nobody may go on listening. */
  async #takeMicrophone(opening: number, track: MediaStreamTrack): Promise<boolean> {
    if (opening !== this.#opening) {
      track.stop();
      return false;
    }
    this.#microphone = track;
    this.set({ microphone: true, microphoneTrouble: null });
    await this.#peer?.put("audio", track, true);
    this.#tell();
    return true;
  }

  async #takeCamera(opening: number, camera: Camera): Promise<boolean> {
    const { track, facing } = camera;
    if (opening !== this.#opening) {
      track.stop();
      return false;
    }
    this.#camera = camera;
    track.contentHint = facing === "user" ? "motion" : "detail";
    track.onended = () => void this.closeCamera();
    await this.#peer?.put("video", track, true);
    this.set({ camera: true, facing, cameraTrouble: null, own: new MediaStream([track]) });
    this.#tell();
    return true;
  }

  /** Says what this side sends; without it the other side would keep the last frame on its screen. */
  #tell(): void {
    if (this.#call === "") return;
    const { microphone, muted, camera, facing } = this.state;
    const said: Omit<PeerMedia, "id"> = {
      type: "peer.media",
      call: this.#call,
      audio: microphone && !muted,
      video: camera,
      facing,
    };
    const text = JSON.stringify(said);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.send(said satisfies Outgoing);
  }
}

function troubleOf(error: unknown): DeviceTrouble {
  return error instanceof DeviceError ? error.trouble : "failed";
}
