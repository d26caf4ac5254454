import { describe, expect, it } from "vitest";
import { agentPage, talkingBuyer } from "../testing/pages";
import { FakeServer } from "../testing/server";
import { callView, chatLine, peersView } from "../testing/views";

describe("a page whose node is about to end", () => {
  it("talks on over the same connection, and shows nothing of it", async () => {
    const { buyer, server, nodes, timers, connections } = await talkingBuyer();
    const next = new FakeServer();
    next.live = ["call_1"];
    const lines: string[] = [];
    buyer.subscribe(({ line, elsewhere, call }) => lines.push(`${line} ${elsewhere} ${call?.state} ${call?.missing.length}`));
    server.open?.deliver({ type: "bye", why: "moving", in_ms: 300 });
    nodes.next = next;
    await timers.pass(300);
    next.accept();
    await timers.pass(0);
    next.say(peersView({ seq: 9, agent: null }));
    next.say(peersView({ seq: 10 }));
    next.say(callView({ seq: 3, state: "talking", answer: "video", answered_at: 0, connected_at: 0 }));
    await timers.pass(500);
    expect(next.taken.map(({ type }) => type)).toEqual(["peer.join", "peer.media", "chat.read"]);
    expect(next.taken[0]).toMatchObject({ call: "call_1", round: 1 });
    expect(connections).toHaveLength(1);
    expect(connections[0]?.connectionState).toBe("connected");
    expect(new Set(lines)).toEqual(new Set(["up false talking 0"]));
    server.cut();
    next.say(chatLine(1));
    expect(buyer.state.chat).toHaveLength(1);
  });

  it("says at once at the new node that the agent is on duty, and rings there for a call that came meanwhile", async () => {
    const { desk, server, nodes, timers } = agentPage();
    const next = new FakeServer();
    nodes.next = next;
    server.open?.deliver({ type: "bye", why: "moving", in_ms: 0 });
    await timers.pass(0);
    next.accept();
    await timers.pass(0);
    expect(next.taken[0]).toMatchObject({ type: "presence.beat", duty: true });
    server.say(callView({ side: "agent", state: "ringing" }));
    next.say(callView({ side: "agent", state: "ringing" }));
    expect(desk.state.call?.state).toBe("ringing");
    await desk.accept("voice");
    expect(next.taken.map(({ type }) => type)).toContain("call.accept");
    expect(server.taken.map(({ type }) => type)).not.toContain("call.accept");
  });
});
