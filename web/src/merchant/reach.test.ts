import { describe, expect, it } from "vitest";
import { type Browser, type Endpoint, Reach, type ReachServer } from "./reach";

const KEY = "BEtleQ";
const OTHER = "BE90aGVy";

const bytes = (key: string): ArrayBuffer => Uint8Array.from(atob(key), (one) => one.charCodeAt(0)).buffer;

/** A browser that may subscribe, with what it asks and keeps; and a server. */
function world({ permission = "default", answer = "granted" }: { permission?: NotificationPermission; answer?: NotificationPermission } = {}) {
  const kept: { key: string | undefined; permission: NotificationPermission } = { key: undefined, permission };
  const closed: string[] = [];
  const asked: string[] = [];
  const rings = new Map<string, unknown>();
  let down = false;
  const subscription = (key: string) => ({
    options: { applicationServerKey: bytes(key) },
    toJSON: () => ({ endpoint: `https://push/${key}`, keys: { p256dh: "p", auth: "a" } }),
    unsubscribe: () => {
      kept.key = undefined;
      return Promise.resolve(true);
    },
  });
  const pushManager = {
    getSubscription: () => Promise.resolve(kept.key === undefined ? null : subscription(kept.key)),
    subscribe: ({ applicationServerKey }: { applicationServerKey: string }) => {
      kept.key = applicationServerKey;
      return Promise.resolve(subscription(applicationServerKey));
    },
  };
  const getNotifications = ({ tag }: { tag: string }) => Promise.resolve([{ close: () => closed.push(tag) }]);
  const browser: Browser = {
    worker: Promise.resolve({ pushManager, getNotifications } as unknown as ServiceWorkerRegistration),
    permission: () => kept.permission,
    ask: () => {
      asked.push("leave");
      kept.permission = answer;
      return Promise.resolve(answer);
    },
    installs: false,
  };
  const server: ReachServer = {
    reach: () => Promise.resolve({ key: KEY, duty: true }),
    ring: (_, { endpoint }): Promise<Pick<Endpoint, "id">> => {
      if (down) return Promise.reject(new Error("down"));
      rings.set("end_1", endpoint);
      return Promise.resolve({ id: "end_1" });
    },
    ringNoMore: (id) => (down ? Promise.reject(new Error("down")) : Promise.resolve(rings.delete(id))),
    tryRing: (id) => Promise.resolve(asked.push(id)),
  };
  const states: string[] = [];
  const reach: Reach = new Reach(browser, server, "desk", () => states.push(reach.state));
  const without = (installs: boolean): Reach => new Reach({ ...browser, worker: undefined, installs }, server, "desk", () => undefined);
  return { reach, without, states, kept, rings, asked, closed, fail: (now: boolean) => (down = now) };
}

describe("a device that is to ring with the console closed", () => {
  it("is asked for by a click, subscribes and is known to the server", async () => {
    const { reach, states, rings, kept, asked } = world();
    expect(await reach.refresh()).toBe(true);
    expect(reach.state).toBe("off");
    expect(asked).toEqual([]);
    await reach.switchOn();
    expect(states).toEqual(["off", "busy", "on"]);
    expect([...rings]).toEqual([["end_1", `https://push/${KEY}`]]);
    expect(kept.key).toBe(KEY);
    await reach.tryIt();
    expect(asked).toEqual(["leave", "end_1"]);
  });

  it("is known again after a reload without anybody being asked", async () => {
    const { reach, rings, kept, asked } = world({ permission: "granted" });
    kept.key = KEY;
    await reach.refresh();
    expect(reach.state).toBe("on");
    expect(rings.size).toBe(1);
    expect(asked).toEqual([]);
  });

  it("does not count where it was subscribed with another key, and subscribes anew", async () => {
    const { reach, rings, kept } = world({ permission: "granted" });
    kept.key = OTHER;
    await reach.refresh();
    expect(reach.state).toBe("off");
    expect(rings.size).toBe(0);
    await reach.switchOn();
    expect([reach.state, kept.key]).toEqual(["on", KEY]);
  });

  it("stays silent where the person says no", async () => {
    const { reach, rings } = world({ answer: "denied" });
    await reach.refresh();
    await reach.switchOn();
    expect([reach.state, rings.size]).toEqual(["denied", 0]);
    await reach.refresh();
    expect(reach.state).toBe("denied");
  });

  it("says that it failed, and can be tried again", async () => {
    const { reach, fail } = world();
    await reach.refresh();
    fail(true);
    await reach.switchOn();
    expect(reach.state).toBe("failed");
    fail(false);
    await reach.switchOn();
    expect(reach.state).toBe("on");
    fail(true);
    await reach.switchOff();
    expect(reach.state).toBe("failed");
  });

  it("rings no more once it is switched off", async () => {
    const { reach, rings, kept } = world();
    await reach.refresh();
    await reach.switchOn();
    await reach.switchOff();
    expect([reach.state, rings.size, kept.key]).toEqual(["off", 0, undefined]);
  });

  it("says why it cannot", async () => {
    for (const [installs, state] of [[true, "install-first"], [false, "unsupported"]] as const) {
      const reach = world().without(installs);
      await reach.refresh();
      await reach.switchOn();
      await reach.hush("call_1");
      expect(reach.state).toBe(state);
    }
  });

  it("takes away what it shows of a call", async () => {
    const { reach, closed } = world();
    await reach.hush("call_1");
    expect(closed).toEqual(["call_1"]);
  });
});
