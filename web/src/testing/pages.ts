/** Whole pages over a fake server, fake devices and a fake connection, with time that stands still. */
import { AgentDesk, BuyerCall, Devices } from "../core";
import type { ClientMessage, PeerDescribe } from "../protocol/messages";
import { FakeConnection, FakeLock, FakeMedia } from "./media";
import { FakeServer } from "./server";
import { ManualTimers } from "./timers";
import { callView, peersView } from "./views";

export function surroundings(inst: string) {
  const [server, timers, media, lock] = [new FakeServer(), new ManualTimers(), new FakeMedia(), new FakeLock()];
  const connections: FakeConnection[] = [];
  /** The node that the balancer leads a new socket to. */
  const nodes = { next: server };
  server.answer = ({ id, type }) => [{ type: "done", re: id, call: type === "call.ask" ? "call_1" : null }];
  const around = {
    url: "ws://x",
    pass: () => "pass",
    device: "d",
    inst,
    socket: () => nodes.next.socket(),
    rtc: () => {
      const made = new FakeConnection();
      connections.push(made);
      return made as unknown as RTCPeerConnection;
    },
    devices: new Devices(media as unknown as MediaDevices),
    timers,
    random: () => 0.5,
    lock: lock.lock,
    mark: () => undefined,
  };
  const said = <T extends ClientMessage["type"]>(type: T) =>
    server.taken.filter((message): message is Extract<ClientMessage, { type: T }> => message.type === type);
  return { server, nodes, timers, media, lock, connections, around, said };
}

/** A buyer's page that has just been opened. */
export function buyerPage(live: readonly string[] = []) {
  const world = surroundings("b");
  world.server.live = live;
  const buyer = new BuyerCall(world.around);
  buyer.open();
  world.server.accept();
  return { ...world, buyer };
}

/** A buyer's page in a talk, with sound both ways. */
export async function talkingBuyer() {
  const page = buyerPage();
  const { buyer, server, timers, connections, said } = page;
  await buyer.openMicrophone();
  await buyer.ask("video");
  server.say(callView({ seq: 1, state: "ringing" }));
  server.say(peersView({ seq: 1, agent: null }));
  await timers.pass(0);
  server.say(callView({ seq: 2, state: "connecting", answer: "video", answered_at: 0 }));
  server.say(peersView({ seq: 2 }));
  await timers.pass(0);
  answer(page, said("peer.describe").at(-1));
  await timers.pass(0);
  connections.at(-1)?.reach();
  server.say(callView({ seq: 3, state: "talking", answer: "video", answered_at: 0, connected_at: 0 }));
  await timers.pass(0);
  return page;
}

/** Lets the agent's page answer an offer. */
export function answer({ server }: { readonly server: FakeServer }, offer: PeerDescribe | undefined): void {
  if (offer === undefined) throw new Error("there is no offer");
  server.say({ type: "peer.described", call: "call_1", by: "a", round: offer.round, kind: "answer", sdp: "v=0" });
}

/** An agent's page on duty; after a reload in a call, it brings that along. */
export function agentPage(mine?: string) {
  const world = surroundings("a");
  world.server.live = mine === undefined ? [] : [mine];
  const desk = new AgentDesk(world.around, mine, true);
  desk.open();
  world.server.accept();
  return { ...world, desk };
}
