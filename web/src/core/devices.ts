/** Microphone and camera: asked for as late as possible, the rear camera first, one camera at a time. */
import type { Facing } from "../protocol/messages";

/** Why a device cannot be had, in words a screen can translate. */
export type DeviceTrouble = "denied" | "none" | "in_use" | "unsupported" | "failed";

export class DeviceError extends Error {
  constructor(readonly trouble: DeviceTrouble) {
    super(trouble);
    this.name = "DeviceError";
  }
}

export interface Camera {
  readonly track: MediaStreamTrack;
  readonly facing: Facing | null;
}

const TROUBLES: Readonly<Record<string, DeviceTrouble>> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "none",
  OverconstrainedError: "none",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

const FACING_IN_LABEL: readonly [RegExp, Facing][] = [
  [/back|rear|environment|后/iu, "environment"],
  [/front|user|face|前/iu, "user"],
];

export class Devices {
  readonly #media: MediaDevices | undefined;

  /** `media` is absent in in-app browsers that do not let pages capture, and on pages without TLS. */
  constructor(media: MediaDevices | undefined) {
    this.#media = media;
  }

  get supported(): boolean {
    return typeof this.#media?.getUserMedia === "function";
  }

  async microphone(): Promise<MediaStreamTrack> {
    return only((await this.#get({ audio: VOICE })).getAudioTracks());
  }

  /** Opens a camera that looks the way wanted, if the device says which does. Stop any other camera first. */
  async camera(facing: Facing): Promise<Camera> {
    return this.#looking(facing, only((await this.#get({ video: { ...SIZE, facingMode: { ideal: facing } } })).getVideoTracks()));
  }

  /** Opens both with one question to the person, and in the time of one: browsers open one after another else. */
  async both(facing: Facing): Promise<{ readonly microphone: MediaStreamTrack; readonly camera: Camera }> {
    const stream = await this.#get({ audio: VOICE, video: { ...SIZE, facingMode: { ideal: facing } } });
    try {
      return {
        microphone: only(stream.getAudioTracks()),
        camera: await this.#looking(facing, only(stream.getVideoTracks())),
      };
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  /** Some devices do not know `facingMode`, but their labels tell, once one camera was allowed. */
  async #looking(facing: Facing, first: MediaStreamTrack): Promise<Camera> {
    if (facingOf(first) === facing) return { track: first, facing };
    const other = await this.#labelled(facing, first.getSettings().deviceId);
    if (other === undefined) return { track: first, facing: facingOf(first) };
    first.stop();
    const track = only((await this.#get({ video: { ...SIZE, deviceId: { exact: other } } })).getVideoTracks());
    return { track, facing };
  }

  async #labelled(facing: Facing, not: string | undefined): Promise<string | undefined> {
    const devices = (await this.#media?.enumerateDevices()) ?? [];
    const cameras = devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId !== not);
    return cameras.find(({ label }) => facingInLabel(label) === facing)?.deviceId;
  }

  async #get(constraints: MediaStreamConstraints): Promise<MediaStream> {
    if (this.#media === undefined || !this.supported) throw new DeviceError("unsupported");
    try {
      return await this.#media.getUserMedia(constraints);
    } catch (error) {
      throw new DeviceError(error instanceof DOMException ? (TROUBLES[error.name] ?? "failed") : "failed");
    }
  }
}

function facingOf(track: MediaStreamTrack): Facing | null {
  const told = track.getSettings().facingMode;
  if (told === "user" || told === "environment") return told;
  return facingInLabel(track.label);
}

function facingInLabel(label: string): Facing | null {
  return FACING_IN_LABEL.find(([pattern]) => pattern.test(label))?.[1] ?? null;
}

function only(tracks: readonly MediaStreamTrack[]): MediaStreamTrack {
  const [track] = tracks;
  if (track === undefined) throw new DeviceError("none");
  return track;
}
