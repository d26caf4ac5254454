import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ServerMessage } from "../protocol/messages";
import { callView, chatLine, peersView } from "../testing/views";
import { emptyRoom, reduce, type Room } from "./room";

const STATES = ["waiting", "ringing", "connecting", "talking", "broken", "ended"] as const;

/** What a server says over the life of one call: every view newer than the one before, every line numbered. */
const story = fc
  .array(fc.constantFrom("call", "queue", "consents", "peers", "desk", "chat.line"), { minLength: 1, maxLength: 40 })
  .map((kinds) => {
    const messages: ServerMessage[] = [callView({ seq: 1 })];
    kinds.forEach((kind, index) => {
      const seq = index + 2;
      if (kind === "call") messages.push(callView({ seq, state: STATES[Math.min(5, 1 + Math.floor(index / 8))] ?? "ended" }));
      else if (kind === "queue") messages.push({ type: "queue", seq, call: "call_1", position: seq, wait_ms: null, least_ms: null, most_ms: null });
      else if (kind === "consents") messages.push({ type: "consents", seq, call: "call_1", camera: seq % 2 === 0, microphone: true });
      else if (kind === "peers") messages.push(peersView({ seq, round: seq }));
      else if (kind === "desk") messages.push({ type: "desk", seq, duty: true, free: true, waiting: seq, on_duty: 1 });
      else messages.push(chatLine(messages.filter(({ type }) => type === "chat.line").length + 1));
    });
    return messages;
  });

/** A wire that loses, repeats and reorders, and at last shows the whole once more as a reconnect does. */
function faulty(messages: readonly ServerMessage[], faults: readonly number[]): ServerMessage[] {
  const arrived: ServerMessage[] = [];
  messages.forEach((message, index) => {
    const fault = faults[index % faults.length] ?? 0;
    if (fault === 1) return;
    if (fault === 2) arrived.push(message, message);
    else if (fault === 3) arrived.splice(Math.max(0, arrived.length - 2), 0, message);
    else arrived.push(message);
  });
  const call = messages.filter(({ type }) => type === "call").slice(-1);
  return [...arrived, ...call, ...messages];
}

const read = (messages: readonly ServerMessage[]): Room => messages.reduce(reduce, emptyRoom);

describe("the room", () => {
  it("is the same on both sides whatever the wire did", () => {
    fc.assert(
      fc.property(story, fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }), fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }), (told, one, other) => {
        const [first, second] = [read(faulty(told, one)), read(faulty(told, other))];
        expect(first).toEqual(second);
        expect(first).toEqual(read(told));
      }),
      { numRuns: 500 },
    );
  });

  it("never goes back", () => {
    fc.assert(
      fc.property(story, fc.array(fc.nat(3), { minLength: 1 }), (told, faults) => {
        let room = emptyRoom;
        for (const message of faulty(told, faults)) {
          const next = reduce(room, message);
          expect(next.call?.seq ?? 0).toBeGreaterThanOrEqual(room.call?.seq ?? 0);
          expect(next.peers?.seq ?? 0).toBeGreaterThanOrEqual(room.peers?.seq ?? 0);
          expect(next.chat.length).toBeGreaterThanOrEqual(room.chat.length);
          room = next;
        }
      }),
    );
  });

  it("ignores what belongs to another call", () => {
    const room = read([callView()]);
    expect(reduce(room, chatLine(1, "call_2"))).toBe(room);
    expect(reduce(room, peersView({ call: "call_2" }))).toBe(room);
  });

  it("is not taken over by the end of another call", () => {
    const room = read([callView({ state: "talking" })]);
    expect(reduce(room, callView({ call: "call_0", seq: 9, state: "ended" }))).toBe(room);
  });

  it("begins anew with the next call, and keeps the desk", () => {
    const desk: ServerMessage = { type: "desk", seq: 1, duty: true, free: true, waiting: 0, on_duty: 1 };
    const room = read([desk, callView({ state: "ended" }), chatLine(1), callView({ call: "call_2" })]);
    expect(room.call?.call).toBe("call_2");
    expect(room.chat).toEqual([]);
    expect(room.desk).toEqual(desk);
  });
});
