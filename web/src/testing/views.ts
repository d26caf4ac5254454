/** Messages of the server, with what a test does not care about filled in. */
import type { CallView, ChatLine, MerchantCard, PeersView, Welcome } from "../protocol/messages";

export const merchant: MerchantCard = { id: "mer_1", name: "果园", picture: null, hours: [], zone: "Asia/Shanghai" };

export function callView(about: Partial<CallView> = {}): CallView {
  return {
    type: "call",
    seq: 1,
    call: "call_1",
    side: "buyer",
    state: "ringing",
    media: "video",
    card: { kind: "product", ref: "sku-1", title: "Apples", picture: null, price: null, lines: [] },
    merchant,
    asked_at: 0,
    since: 0,
    due: null,
    offers: 1,
    agent: null,
    here: true,
    answer: null,
    missing: [],
    answered_at: null,
    connected_at: null,
    ended_at: null,
    reason: null,
    ...about,
  };
}

export function peersView(about: Partial<PeersView> = {}): PeersView {
  return {
    type: "peers",
    seq: 1,
    call: "call_1",
    round: 0,
    buyer: { inst: "b", audio: false, video: false, facing: null },
    agent: { inst: "a", audio: false, video: false, facing: null },
    ice: [],
    ...about,
  };
}

export function chatLine(n: number, call = "call_1"): ChatLine {
  return { type: "chat.line", call, n, side: "buyer", at: n, key: `k-${n}`, text: `line ${n}`, picture: null };
}

export function welcome(about: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    session: "session-1",
    resumed: false,
    rx: 0,
    party: { role: "buyer", id: "buy_1", name: "" },
    merchant,
    now: 0,
    card: null,
    live: [],
    grace_ms: 30_000,
    ...about,
  };
}
