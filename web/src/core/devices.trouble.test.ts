import { describe, expect, it } from "vitest";
import { FakeTrack } from "../testing/media";
import { Devices } from "./devices";

/** A telephone that knows no facing and opens its front camera first; the rear one fails, if it is to fail. */
function telephone({ rear, list = "camera2 0, facing back" }: { readonly rear?: string; readonly list?: string } = {}) {
  const opened: FakeTrack[] = [];
  const asked: string[] = [];
  const media = {
    getUserMedia: ({ audio, video }: { audio?: unknown; video?: { deviceId?: unknown; facingMode?: unknown } }) => {
      const second = video?.deviceId !== undefined;
      asked.push(JSON.stringify(video?.deviceId ?? video?.facingMode));
      if (second && rear !== undefined) return Promise.reject(new DOMException("", rear));
      const sound = audio === undefined ? [] : [new FakeTrack("audio")];
      const picture = video === undefined ? [] : [new FakeTrack("video", undefined, second ? list : "camera2 1, facing front")];
      opened.push(...sound, ...picture);
      return Promise.resolve({ getTracks: () => [...sound, ...picture], getAudioTracks: () => sound, getVideoTracks: () => picture });
    },
    enumerateDevices: () =>
      Promise.resolve([
        { kind: "audioinput", deviceId: "3", label: "back microphone" },
        { kind: "videoinput", deviceId: "4", label: "camera2 3, facing front" },
        { kind: "videoinput", deviceId: "2", label: list },
      ]),
  };
  const live = (): string[] => opened.filter(({ readyState }) => readyState === "live").map(({ kind, label }) => label || kind);
  return { devices: new Devices(media as unknown as MediaDevices), media, asked, live };
}

describe("a telephone that knows no facing", () => {
  it.each(["camera2 0, facing back", "Rear Camera", "environment", "后置相机"])("is asked for %s by its name, once the first camera was closed", async (list) => {
    const { devices, asked, live } = telephone({ list });
    expect((await devices.camera("environment")).facing).toBe("environment");
    expect(asked).toEqual(['{"ideal":"environment"}', '{"exact":"2"}']);
    expect(live()).toEqual([list]);
  });

  it("is asked once where the first camera is the one that is wanted", async () => {
    const { devices, asked } = telephone();
    expect((await devices.camera("user")).facing).toBe("user");
    expect(asked).toEqual(['{"ideal":"user"}']);
  });

  it.each([["OverconstrainedError", "none"], ["NotReadableError", "in_use"], ["NotAllowedError", "denied"]])(
    "films and hears nobody where its rear camera fails with %s",
    async (rear, trouble) => {
      const { devices, live } = telephone({ rear });
      await expect(devices.camera("environment")).rejects.toMatchObject({ trouble });
      await expect(devices.both("environment")).rejects.toMatchObject({ trouble });
      expect(live()).toEqual([]);
    },
  );
});

describe("a failure", () => {
  it.each([["SecurityError", "denied"], ["AbortError", "in_use"]])("is said in our words: %s", async (name, trouble) => {
    const devices = new Devices({ getUserMedia: () => Promise.reject(new DOMException("", name)) } as unknown as MediaDevices);
    await expect(devices.camera("user")).rejects.toMatchObject({ trouble });
  });

  it("that is no error of the browser's is a failure all the same", async () => {
    const devices = new Devices({ getUserMedia: () => Promise.reject(new TypeError("no")) } as unknown as MediaDevices);
    await expect(devices.microphone()).rejects.toMatchObject({ name: "DeviceError", trouble: "failed" });
  });
});
