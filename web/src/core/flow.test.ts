import { describe, expect, it } from "vitest";
import { ManualTimers } from "../testing/timers";
import { Flow } from "./flow";

/** A connection that has received so much, in these reports. */
function connection(bytes = 0) {
  const reports = [
    { type: "transport", bytesReceived: bytes },
    { type: "transport" },
    { type: "inbound-rtp", bytesReceived: 5 },
  ];
  let answer: (() => void) | undefined;
  const pc = {
    connectionState: "connected",
    /** Whether it takes its time to answer. */
    slow: false,
    receive: (more: number) => (reports[0] = { type: "transport", bytesReceived: (reports[0]?.bytesReceived ?? 0) + more }),
    answer: () => answer?.(),
    getStats() {
      const found = new Map(reports.map((report, n) => [String(n), report]));
      return this.slow ? new Promise((resolve) => (answer = () => resolve(found))) : Promise.resolve(found);
    },
  };
  return pc;
}

function watching(pc: ReturnType<typeof connection>) {
  const timers = new ManualTimers();
  const heard: string[] = [];
  const flow = new Flow(timers, { flows: () => heard.push("flows"), stalls: () => heard.push("stalls") });
  const watch = (one: typeof pc): void => flow.watch(one as unknown as RTCPeerConnection);
  watch(pc);
  /** What is heard while this time passes. */
  const pass = async (ms: number): Promise<string[]> => {
    await timers.pass(ms);
    return heard.splice(0);
  };
  return { flow, watch, pass };
}

describe("the flow of media", () => {
  it("is said with every look at which more has arrived", async () => {
    const pc = connection();
    const { pass } = watching(pc);
    pc.receive(100);
    expect(await pass(500)).toEqual(["flows"]);
    pc.receive(1);
    expect(await pass(500)).toEqual(["flows"]);
    expect(await pass(500)).toEqual([]);
  });

  it("stalls when nothing has arrived for more than one and a half seconds, at every look until more does", async () => {
    const pc = connection();
    const { pass } = watching(pc);
    pc.receive(100);
    await pass(500);
    expect(await pass(1_500)).toEqual([]);
    expect(await pass(1_000)).toEqual(["stalls", "stalls"]);
    pc.receive(1);
    expect(await pass(500)).toEqual(["flows"]);
    expect(await pass(1_500)).toEqual([]);
  });

  it("may take four seconds to begin, with every connection anew", async () => {
    const { watch, pass } = watching(connection());
    expect(await pass(4_000)).toEqual([]);
    expect(await pass(500)).toEqual(["stalls"]);
    watch(connection(100));
    expect(await pass(500)).toEqual(["flows"]);
    watch(connection());
    expect(await pass(4_000)).toEqual([]);
    expect(await pass(500)).toEqual(["stalls"]);
  });

  it("is not what a connection receives while it is being made", async () => {
    const pc = connection();
    pc.connectionState = "connecting";
    const { pass } = watching(pc);
    pc.receive(100);
    expect(await pass(1_000)).toEqual([]);
    pc.connectionState = "connected";
    expect(await pass(500)).toEqual(["flows"]);
  });

  it("of a connection that was replaced while it was being asked counts no more", async () => {
    const old = connection(100);
    old.slow = true;
    const { watch, pass } = watching(old);
    await pass(500);
    watch(connection());
    old.answer();
    expect(await pass(0)).toEqual([]);
  });

  it("is nobody's business after the end", async () => {
    const pc = connection(100);
    const { flow, pass } = watching(pc);
    flow.stop();
    expect(await pass(10_000)).toEqual([]);
  });
});
