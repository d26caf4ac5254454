/**
 * What the service worker does with a push, and with a tap on what it shows.
 *
 * Browsers want a notification for each push. So where there is nothing to say any more, one is shown in silence, and taken
 * away where that is allowed.
 */
import type { Kind, Media } from "../protocol/messages";
import type { Say } from "./words";

export type Push =
  | {
      readonly type: "ring";
      readonly knock: string;
      readonly call: string;
      readonly kind: Kind;
      readonly title: string;
      readonly price: string | null;
      readonly picture: string | null;
      readonly media: Media;
      readonly until: number;
    }
  | { readonly type: "over"; readonly call: string; readonly missed: boolean; readonly title: string }
  | { readonly type: "try" };

type Ring = Extract<Push, { type: "ring" }>;
type Over = Extract<Push, { type: "over" }>;

/** What a notification of a ring carries, for the tap. */
export interface Carried {
  readonly call: string;
  readonly knock: string;
}

/** A page of the console, as the worker sees it. */
export interface Page {
  readonly focused: boolean;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}

export interface Shown {
  close(): void;
}

/** What the worker works with. */
export interface Around {
  show(title: string, options: NotificationOptions & Readonly<Record<string, unknown>>): Promise<void>;
  shown(tag: string): Promise<readonly Shown[]>;
  pages(): Promise<readonly Page[]>;
  open(path: string): Promise<unknown>;
  /** Answers with what the server says. */
  post(path: string, body: unknown): Promise<unknown>;
  readonly say: Say;
}

const ICON = "/console/icon-192.png";
const BUZZ = [400, 200, 400, 200, 400];
const CONSOLE = "/console/";

export async function pushed(around: Around, push: Push): Promise<void> {
  if (push.type === "ring") await ring(around, push);
  else if (push.type === "over") await over(around, push);
  else await around.show(around.say("push_tried"), { body: around.say("push_tried_what"), icon: ICON, tag: "try" });
}

async function ring(around: Around, { call, kind, knock, media, picture, price, title }: Ring): Promise<void> {
  if (await isOver(around, knock)) return over(around, { type: "over", call, missed: true, title });
  const atThePage = (await around.pages()).some(({ focused }) => focused);
  await around.show(around.say(`wants_${media}`), {
    body: [title, price, around.say("from", { place: around.say(`place_${kind}`) })].filter((part) => part !== null).join("\n"),
    icon: ICON,
    ...(picture === null ? {} : { image: picture }),
    tag: call,
    data: { call, knock } satisfies Carried,
    actions: [
      { action: "accept", title: around.say("push_accept") },
      { action: "later", title: around.say("push_later") },
    ],
    // a page in front rings by itself
    ...(atThePage ? { silent: true } : { renotify: true, requireInteraction: true, vibrate: BUZZ }),
  });
}

/** Tells the server that this device shows the ring. Where it cannot be reached the ring is shown all the same. */
async function isOver(around: Around, knock: string): Promise<boolean> {
  try {
    const answer = (await around.post("/v1/knocks/heard", { knock })) as { over?: boolean };
    return answer.over === true;
  } catch {
    return false;
  }
}

async function over(around: Around, { call, missed, title }: Over): Promise<void> {
  if (missed) {
    await around.show(around.say("push_missed"), { body: around.say("push_missed_what", { title }), icon: ICON, tag: call, silent: true });
    return;
  }
  await around.show(around.say("push_answered"), { icon: ICON, tag: call, silent: true });
  for (const notification of await around.shown(call)) notification.close();
}

export async function tapped(around: Around, action: string, carried: Carried | null): Promise<void> {
  if (action === "later" && carried !== null) {
    await around.post("/v1/knocks/later", { knock: carried.knock });
    return;
  }
  const answers = action === "accept" && carried !== null;
  const [page] = await around.pages();
  if (page === undefined) {
    await around.open(answers ? `${CONSOLE}#answer=${carried.call}` : CONSOLE);
    return;
  }
  await page.focus();
  if (answers) page.postMessage({ type: "answer", call: carried.call });
}
