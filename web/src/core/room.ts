/** What a page knows of its call, folded from messages. Views are whole: one that is not newer is ignored. */
import type {
  CallView,
  ChatLine,
  ConsentsView,
  DeskView,
  PeersView,
  QueueView,
  ServerMessage,
} from "../protocol/messages";

export interface Room {
  readonly call: CallView | null;
  readonly queue: QueueView | null;
  readonly consents: ConsentsView | null;
  readonly peers: PeersView | null;
  readonly desk: DeskView | null;
  readonly chat: readonly ChatLine[];
}

export const emptyRoom: Room = { call: null, queue: null, consents: null, peers: null, desk: null, chat: [] };

/** Returns the room after a message; the same room where the message tells nothing new. */
export function reduce(room: Room, message: ServerMessage): Room {
  switch (message.type) {
    case "call":
      return withCall(room, message);
    case "queue":
      return about(room, message) && newer(room.queue, message) ? { ...room, queue: message } : room;
    case "consents":
      return about(room, message) && newer(room.consents, message) ? { ...room, consents: message } : room;
    case "peers":
      return about(room, message) && newer(room.peers, message) ? { ...room, peers: message } : room;
    case "desk":
      return newer(room.desk, message) ? { ...room, desk: message } : room;
    case "chat.line":
      return about(room, message) ? withLine(room, message) : room;
    default:
      return room;
  }
}

function withCall(room: Room, view: CallView): Room {
  const same = room.call?.call === view.call;
  if (same) return newer(room.call, view) || (view.here !== room.call.here && view.seq === room.call.seq) ? { ...room, call: view } : room;
  // another call: only one that goes on may take the place of one that does
  if (room.call !== null && room.call.state !== "ended" && room.call.here && view.state === "ended") return room;
  return { ...emptyRoom, desk: room.desk, call: view };
}

function withLine(room: Room, line: ChatLine): Room {
  if (room.chat.some(({ n }) => n === line.n)) return room;
  return { ...room, chat: [...room.chat, line].sort((a, b) => a.n - b.n) };
}

function about(room: Room, message: { readonly call: string }): boolean {
  return room.call?.call === message.call;
}

function newer(before: { readonly seq: number } | null, after: { readonly seq: number }): boolean {
  return before === null || after.seq > before.seq;
}
