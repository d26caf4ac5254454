import { describe, expect, it } from "vitest";
import { type Around, type Page, type Push, pushed, tapped } from "./pushed";
import { speaker } from "./words";

const RING: Push = {
  type: "ring",
  knock: "knock_1",
  call: "call_1",
  kind: "product",
  title: "Fuji apples",
  price: "¥39.90",
  picture: "/shop/apples.jpg",
  media: "video",
  until: 26_000,
};

interface Note {
  readonly title: string;
  readonly options: Record<string, unknown>;
}

/** A browser with what it shows, and a server that answers as told. */
function browser(answer: () => Promise<unknown> = () => Promise.resolve({ over: false }), pages: readonly Page[] = []) {
  const shown = new Map<string, Note>();
  const posts: [string, unknown][] = [];
  const opened: string[] = [];
  const around: Around = {
    show: (title, options) => {
      shown.set(options.tag ?? "", { title, options });
      return Promise.resolve();
    },
    shown: (tag) => Promise.resolve(shown.has(tag) ? [{ close: () => void shown.delete(tag) }] : []),
    pages: () => Promise.resolve(pages),
    open: (path) => Promise.resolve(opened.push(path)),
    post: (path, body) => {
      posts.push([path, body]);
      return answer();
    },
    say: speaker(["en-GB"]),
  };
  return { around, shown, posts, opened };
}

function page(focused: boolean) {
  const heard: unknown[] = [];
  let focus = focused;
  return {
    heard,
    get focused() {
      return focus;
    },
    focus: () => Promise.resolve((focus = true)),
    postMessage: (message: unknown) => void heard.push(message),
  };
}

describe("a ring that is pushed", () => {
  it("is acknowledged, and shown with what it is about", async () => {
    const { around, shown, posts } = browser();
    await pushed(around, RING);
    expect(posts).toEqual([["/v1/knocks/heard", { knock: "knock_1" }]]);
    expect(shown.get("call_1")).toMatchObject({
      title: "A buyer wants to see it live",
      options: {
        body: "Fuji apples\n¥39.90\nfrom the product page",
        image: "/shop/apples.jpg",
        requireInteraction: true,
        data: { call: "call_1", knock: "knock_1" },
      },
    });
  });

  it("leaves out what is not known", async () => {
    const { around, shown } = browser();
    await pushed(around, { ...RING, price: null, picture: null, media: "voice", kind: "link" });
    expect(shown.get("call_1")?.title).toBe("A buyer wants to talk");
    expect(shown.get("call_1")?.options).toMatchObject({ body: "Fuji apples\nfrom a link" });
    expect(shown.get("call_1")?.options).not.toHaveProperty("image");
  });

  it("is shown though the server cannot be reached", async () => {
    const { around, shown } = browser(() => Promise.reject(new TypeError("offline")));
    await pushed(around, RING);
    expect(shown.get("call_1")?.title).toBe("A buyer wants to see it live");
  });

  it("is a missed call where it is over by now", async () => {
    const { around, shown } = browser(() => Promise.resolve({ over: true }));
    await pushed(around, RING);
    expect(shown.get("call_1")).toMatchObject({ title: "Missed call", options: { silent: true } });
    expect(shown.get("call_1")?.options).not.toHaveProperty("actions");
  });

  it("makes no sound where a page in front rings", async () => {
    const { around, shown } = browser(undefined, [page(true)]);
    await pushed(around, RING);
    expect(shown.get("call_1")?.options).toMatchObject({ silent: true });
    expect(shown.get("call_1")?.options).not.toHaveProperty("vibrate");
  });
});

describe("a ring that is over", () => {
  it("goes away where it was answered", async () => {
    const { around, shown } = browser();
    await pushed(around, RING);
    await pushed(around, { type: "over", call: "call_1", missed: false, title: "Fuji apples" });
    expect([...shown]).toEqual([]);
  });

  it("stays as a missed call, in silence, where nobody answered", async () => {
    const { around, shown } = browser();
    await pushed(around, RING);
    await pushed(around, { type: "over", call: "call_1", missed: true, title: "Fuji apples" });
    expect(shown.get("call_1")).toMatchObject({ title: "Missed call", options: { body: "Fuji apples. Tap to see it.", silent: true } });
  });
});

it("shows that the device rings when it is tried", async () => {
  const { around, shown } = browser();
  await pushed(around, { type: "try" });
  expect(shown.get("try")?.title).toBe("This device rings");
});

describe("a tap", () => {
  const carried = { call: "call_1", knock: "knock_1" };

  it("on Accept opens the console on the call", async () => {
    const { around, opened } = browser();
    await tapped(around, "accept", carried);
    expect(opened).toEqual(["/console/#answer=call_1"]);
  });

  it("on Accept uses the console that is open", async () => {
    const open = page(false);
    const { around, opened } = browser(undefined, [open]);
    await tapped(around, "accept", carried);
    expect(opened).toEqual([]);
    expect(open.focused).toBe(true);
    expect(open.heard).toEqual([{ type: "answer", call: "call_1" }]);
  });

  it("elsewhere on it opens the console, and answers nothing", async () => {
    const open = page(false);
    const { around, opened } = browser();
    await tapped(around, "", carried);
    await tapped(around, "", null);
    expect(opened).toEqual(["/console/", "/console/"]);
    await tapped(browser(undefined, [open]).around, "", carried);
    expect(open.heard).toEqual([]);
  });

  it("on Not now passes the call on", async () => {
    const { around, opened, posts } = browser();
    await tapped(around, "later", carried);
    expect(posts).toEqual([["/v1/knocks/later", { knock: "knock_1" }]]);
    expect(opened).toEqual([]);
  });
});

it("speaks the browser's language", () => {
  expect(speaker(["fr", "zh-CN", "en"])("push_accept")).toBe("接听");
  expect(speaker(["fr"])("push_missed_what", { title: "Apples" })).toBe("Apples. Tap to see it.");
});
