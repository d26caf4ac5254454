import { describe, expect, it } from "vitest";
import { type DeviceError, Devices } from "./devices";
import { FakeTrack } from "../testing/media";

interface Lens {
  readonly id: string;
  readonly label: string;
  readonly facing?: string;
}

/** A telephone with these cameras; it opens the first unless one is asked for by name or by a facing it knows. */
function telephone(...lenses: readonly Lens[]) {
  const opened: FakeTrack[] = [];
  const asked: MediaTrackConstraints[] = [];
  const devices = new Devices({
    getUserMedia: ({ audio, video }: { audio?: unknown; video?: MediaTrackConstraints }) => {
      if (video !== undefined) asked.push(video);
      const wanted = JSON.stringify(video ?? {});
      const lens = lenses.find(({ id, facing }) => wanted.includes(`"${id}"`) || (facing !== undefined && wanted.includes(`"${facing}"`))) ?? lenses[0];
      const sound = audio === undefined ? [] : [new FakeTrack("audio")];
      const picture = video === undefined || lens === undefined ? [] : [Object.assign(new FakeTrack("video", lens.facing, lens.label), { id: lens.id })];
      for (const track of picture) track.getSettings = () => ({ deviceId: track.id, ...(lens?.facing === undefined ? {} : { facingMode: lens.facing }) });
      opened.push(...sound, ...picture);
      return Promise.resolve({ getTracks: () => [...sound, ...picture], getAudioTracks: () => sound, getVideoTracks: () => picture });
    },
    enumerateDevices: () => Promise.resolve(lenses.map(({ id, label }) => ({ kind: "videoinput", deviceId: id, label }))),
  } as unknown as MediaDevices);
  const live = (): string[] => opened.filter(({ readyState }) => readyState === "live").map(({ kind, label }) => label || kind);
  return { devices, asked, live };
}

const refusing = (name: string): Devices =>
  new Devices({ getUserMedia: () => Promise.reject(new DOMException("", name)) } as unknown as MediaDevices);

describe("devices", () => {
  it("open the rear camera where the telephone knows which it is", async () => {
    const { devices, asked, live } = telephone({ id: "1", label: "front", facing: "user" }, { id: "2", label: "rear", facing: "environment" });
    expect((await devices.camera("environment")).facing).toBe("environment");
    expect(asked[0]?.facingMode).toEqual({ ideal: "environment" });
    expect(live()).toEqual(["rear"]);
  });

  it("find the rear camera by its label where the telephone does not know", async () => {
    const { devices, live } = telephone({ id: "1", label: "camera2 1, facing front" }, { id: "2", label: "camera2 0, facing back" });
    expect((await devices.camera("environment")).facing).toBe("environment");
    expect(live()).toEqual(["camera2 0, facing back"]);
  });

  it("take the one camera there is", async () => {
    const { devices, live } = telephone({ id: "1", label: "HD Webcam" });
    expect((await devices.camera("environment")).facing).toBeNull();
    expect(live()).toEqual(["HD Webcam"]);
  });

  it("leave nothing open where one of two cannot be had", async () => {
    const { devices, live } = telephone();
    await expect(devices.both("environment")).rejects.toMatchObject({ trouble: "none" });
    expect(live()).toEqual([]);
  });

  it.each([["NotAllowedError", "denied"], ["NotFoundError", "none"], ["NotReadableError", "in_use"], ["InvalidStateError", "failed"]] as const)(
    "say %s as %s",
    async (name, trouble) => {
      await expect(refusing(name).microphone()).rejects.toMatchObject({ trouble } satisfies Partial<DeviceError>);
    },
  );

  it("that a browser does not have are unsupported", async () => {
    const none = new Devices(undefined);
    expect(none.supported).toBe(false);
    await expect(none.camera("user")).rejects.toMatchObject({ trouble: "unsupported" });
  });
});
