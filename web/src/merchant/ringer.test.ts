import { describe, expect, it } from "vitest";
import { ManualTimers } from "../testing/timers";
import { Ringer } from "./ringer";

function bell() {
  const timers = new ManualTimers();
  const document = { title: "Console" };
  const buzzes: number[][] = [];
  const sounds: ("playing" | "stopped")[] = [];
  const source = () => {
    const mine = sounds.push("stopped") - 1;
    return {
      buffer: null,
      loop: false,
      connect: () => undefined,
      disconnect: () => undefined,
      start: () => (sounds[mine] = "playing"),
      stop: () => (sounds[mine] = "stopped"),
    };
  };
  const buffer = { getChannelData: () => new Float32Array(16) };
  const context = { sampleRate: 8, destination: null, resume: () => Promise.resolve(), createBuffer: () => buffer, createBufferSource: source };
  const ringer = new Ringer({ audio: () => context as unknown as AudioContext, document, vibrate: (pattern) => buzzes.push(pattern), timers });
  return { ringer, timers, document, buzzes, sounds };
}

describe("the ring", () => {
  it("sounds, buzzes and calls from the title until it is stopped", async () => {
    const { ringer, timers, document, buzzes, sounds } = bell();
    ringer.unlock();
    ringer.start("Rings!");
    expect(document.title).toBe("Rings!");
    await timers.pass(1_100);
    expect(document.title).toBe("Console");
    await timers.pass(1_100);
    expect(document.title).toBe("Rings!");
    expect(buzzes).toHaveLength(2);
    expect(sounds).toEqual(["playing"]);
    ringer.stop();
    await timers.pass(10_000);
    expect(document.title).toBe("Console");
    expect(sounds).toEqual(["stopped"]);
    expect(buzzes.at(-1)).toEqual([]);
  });

  it("rings once, however often it is told to", () => {
    const { ringer, sounds } = bell();
    ringer.unlock();
    ringer.start("Rings!");
    ringer.start("Rings!");
    expect(sounds).toHaveLength(1);
  });

  it("knows that without a click it would be silent, and calls from the title all the same", () => {
    const { ringer, document, sounds } = bell();
    expect(ringer.silent).toBe(true);
    ringer.start("Rings!");
    expect(document.title).toBe("Rings!");
    expect(sounds).toEqual([]);
    ringer.unlock();
    expect(ringer.silent).toBe(false);
  });
});
