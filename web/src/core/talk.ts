/** The media of one call at one side: own microphone and camera, the other side's stream, and how the line is. */
import type { Facing, PeerMedia, ServerMessage, Side } from "../protocol/messages";
import type { Camera, DeviceTrouble, Devices } from "./devices";
import { DeviceError } from "./devices";
import type { Outgoing } from "./link";
import { type MediaState, Peer, type PeerOptions } from "./peer";
import type { Room } from "./room";
import type { Kind } from "./rtc";
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

/** Says to the server that its person agrees, before a device is used. */
type Agree = () => Promise<void>;
const always: Agree = () => Promise.resolve();

/** What the screen is kept awake for. */
const LOCK = "talk";

export class Talk extends Store<TalkState> {
  readonly #options: TalkOptions;
  #peer: Peer | undefined;
  #call = "";
  #microphone: MediaStreamTrack | null = null;
  #camera: Camera | null = null;
  #told = "";
  /** Counts what was wished of each device: one that opens late, after another wish, is stopped at once. */
  readonly #wish = { audio: 0, video: 0 };
  #openingMicrophone: Promise<boolean> | undefined;
  #openingCamera: Promise<unknown> = Promise.resolve();

  constructor(options: TalkOptions) {
    super(quiet);
    this.#options = options;
  }

  /** Asks for the microphone. `agree` is called before any sound is sent. Returns whether there is one now. */
  openMicrophone(agree: Agree = always): Promise<boolean> {
    if (this.#microphone !== null) return Promise.resolve(true);
    return this.#openingMicrophone ?? this.#takeMicrophone(this.#options.devices.microphone(), agree);
  }

  /** Asks for microphone and camera in one question; where one of them cannot be had, the other still is. */
  async openBoth(facing: Facing): Promise<void> {
    const { devices } = this.#options;
    const look = (): Promise<Camera> => devices.camera(facing);
    const both = devices.both(facing).catch(() => null);
    const microphone = both.then((had) => had?.microphone ?? devices.microphone());
    const camera = both.then((had) => had?.camera ?? microphone.then(look, look));
    await Promise.all([this.#takeMicrophone(microphone, always), this.#takeCamera(++this.#wish.video, camera, always)]);
  }

  mute(muted: boolean): void {
    if (this.#microphone !== null) this.#microphone.enabled = !muted;
    this.set({ muted });
    this.#tell();
  }

  /**
   * Opens a camera; the last wish counts. `agree` is called once there is a picture and before any of it is sent.
   * Returns whether this camera is on now.
   */
  async openCamera(facing: Facing, agree: Agree = always): Promise<boolean> {
    const wish = ++this.#wish.video;
    this.#camera?.track.stop();
    // a telephone opens one camera at a time: one that is still being opened has to be stopped first
    await this.#openingCamera;
    return wish === this.#wish.video && this.#takeCamera(wish, this.#options.devices.camera(facing), agree);
  }

  async closeCamera(): Promise<void> {
    this.#wish.video += 1;
    if (this.#camera !== null) {
      this.#camera.track.onended = null;
      this.#camera.track.stop();
    }
    this.#camera = null;
    this.set({ camera: false, facing: null, own: null });
    this.#tell();
    // the agent's line stays prepared, so that switching on again needs no negotiation
    await this.#peer?.put("video", null, this.#options.side === "agent");
  }

  /** Turns from the rear camera to the front one or back; nothing where no camera is on. */
  switchCamera(): Promise<boolean> {
    if (!this.state.camera) return Promise.resolve(false);
    return this.openCamera(this.state.facing === "user" ? "environment" : "user");
  }

  /** With voice only, the other side's picture is not even sent. */
  setVoiceOnly(voiceOnly: boolean): void {
    this.set({ voiceOnly });
    this.#peer?.receivePicture(!voiceOnly);
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
    this.#turnTo(call.call);
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
    this.#turnTo(call);
    this.#options.send({ type: "peer.join", call, round: this.#peer?.round ?? 0 });
    this.#told = "";
    this.#tell();
    this.#peer?.lineIsUp();
  }

  /** The line has just been found alive. */
  lineIsUp(): void {
    this.#peer?.lineIsUp();
  }

  end(): void {
    this.#wish.audio += 1;
    this.#wish.video += 1;
    this.#openingMicrophone = undefined;
    this.#peer?.close();
    this.#peer = undefined;
    for (const track of [this.#microphone, this.#camera?.track]) {
      if (track) track.onended = track.onmute = track.onunmute = null;
      track?.stop();
    }
    this.#microphone = this.#camera = null;
    this.#told = "";
    this.#options.lock.release(LOCK);
    this.set({ ...quiet, microphoneTrouble: this.state.microphoneTrouble });
  }

  /** A connection belongs to one call. */
  #turnTo(call: string): void {
    if (call !== this.#call) {
      this.#peer?.close();
      this.#peer = undefined;
    }
    this.#call = call;
  }

  async #begin(): Promise<void> {
    const { mark, lock, send, probe, side } = this.#options;
    const call = this.#call;
    const peer = new Peer(this.#options, {
      media: (media) => this.set({ media }),
      stream: (remote) => this.set({ remote }),
      reached: () => {
        mark("kanhuo:connected");
        send({ type: "call.media_up", call });
      },
      doubt: () => probe(),
      refused: (kind) => void (kind === "video" ? this.closeCamera() : this.#loseMicrophone()),
    });
    this.#peer = peer;
    lock.hold(LOCK);
    const isAgent = side === "agent";
    peer.receivePicture(!this.state.voiceOnly);
    await peer.put("audio", this.#microphone, isAgent || this.#microphone !== null);
    await peer.put("video", this.#camera?.track ?? null, isAgent || this.#camera !== null);
    this.#tell();
  }

  #takeMicrophone(opening: Promise<MediaStreamTrack>, agree: Agree): Promise<boolean> {
    const taken = this.#agreed("audio", ++this.#wish.audio, opening, agree).then(async (track) => {
      if (this.#openingMicrophone === taken) this.#openingMicrophone = undefined;
      if (track !== null) await this.#useMicrophone(track);
      return track !== null;
    });
    this.#openingMicrophone = taken;
    return taken;
  }

  async #useMicrophone(track: MediaStreamTrack): Promise<void> {
    this.#microphone = track;
    track.enabled = !this.state.muted;
    track.onended = () => void this.#loseMicrophone();
    track.onmute = track.onunmute = () => this.#tell();
    this.set({ microphone: true, microphoneTrouble: null });
    await this.#peer?.put("audio", track, true);
    this.#tell();
  }

  async #takeCamera(wish: number, opening: Promise<Camera>, agree: Agree): Promise<boolean> {
    this.#openingCamera = opening.catch(() => undefined);
    const track = await this.#agreed("video", wish, opening.then((camera) => camera.track), agree);
    if (track === null) {
      if (wish === this.#wish.video) await this.closeCamera();
      return false;
    }
    const { facing } = (this.#camera = await opening);
    track.contentHint = facing === "user" ? "motion" : "detail";
    track.onended = () => void this.closeCamera();
    this.set({ camera: true, facing, cameraTrouble: null, own: new MediaStream([track]) });
    await this.#peer?.put("video", track, true);
    this.#tell();
    return true;
  }

  /** Returns the track once it is agreed to; `null`, and nobody films or listens, where it failed or is wished no more. */
  async #agreed(
    kind: Kind,
    wish: number,
    opening: Promise<MediaStreamTrack>,
    agree: Agree,
  ): Promise<MediaStreamTrack | null> {
    let track: MediaStreamTrack | undefined;
    try {
      track = await opening;
      if (wish === this.#wish[kind]) {
        await agree();
        if (wish === this.#wish[kind]) return track;
      }
    } catch (error) {
      const trouble = error instanceof DeviceError ? error.trouble : "failed";
      if (wish === this.#wish[kind]) this.set(kind === "audio" ? { microphoneTrouble: trouble } : { cameraTrouble: trouble });
    }
    track?.stop();
    return null;
  }

  /** The headset was pulled out or the permission taken back: the other side has to know why it hears nothing. */
  async #loseMicrophone(): Promise<void> {
    this.#microphone?.stop();
    this.#microphone = null;
    this.set({ microphone: false, microphoneTrouble: "failed" });
    this.#tell();
    await this.#peer?.put("audio", null, this.#options.side === "agent");
  }

  /** Says what this side sends; without it the other side would keep the last frame on its screen. */
  #tell(): void {
    if (this.#call === "") return;
    const { microphone, muted, camera, facing } = this.state;
    const said: Omit<PeerMedia, "id"> = {
      type: "peer.media",
      call: this.#call,
      audio: microphone && !muted && this.#microphone?.muted !== true,
      video: camera,
      facing,
    };
    const text = JSON.stringify(said);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.send(said satisfies Outgoing);
  }
}
