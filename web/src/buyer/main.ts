/** Starts the buyer's page. */
import "./kh-buyer";
import { BuyerCall, Devices, realTimers, ScreenLock } from "../core";
import { memory, randomName } from "../ui/memory";
import { language, say } from "../words";
import { Frame } from "./frame";
import type { KhBuyer } from "./kh-buyer";

const DEVICE = "kanhuo-device";
const CALL = "kanhuo-call";
const PASS = "kanhuo-pass";

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = say("pre_video");

const page = document.querySelector<KhBuyer>("kh-buyer");
if (page === null) throw new Error("the page has no <kh-buyer>");

const device = memory.get(DEVICE) ?? randomName();
memory.set(DEVICE, device);

// absent, whatever the types say, in in-app browsers and on pages without TLS
const devices = new Devices(navigator.mediaDevices);
let pass: string | undefined;
let buyer: BuyerCall | undefined;

const frame = new Frame(window, (message) => {
  if (message.type === "minimised") {
    page.minimised = message.minimised;
    return;
  }
  pass = message.pass;
  if (message.type === "pass" || buyer !== undefined) return;
  page.address = message.page;
  open();
});
page.framed = frame.framed;
page.leavable = frame.framed || history.length > 1;
page.addEventListener("minimise", () => frame.tell({ type: "minimise" }));
page.addEventListener("restore", () => frame.tell({ type: "restore" }));
page.addEventListener("reload", () => location.reload());
page.addEventListener("leave", () => {
  if (frame.framed) frame.tell({ type: "close" });
  else history.back();
});

if (!frame.framed) {
  pass = takePass();
  page.address = `${location.origin}${location.pathname}#pass=${pass ?? ""}`;
  if (pass === undefined) page.passMissing = true;
  else open();
}

function open(): void {
  buyer = new BuyerCall(
    {
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
      pass: () => pass,
      device,
      inst: randomName(),
      socket: (url) => new WebSocket(url),
      rtc: (configuration) => new RTCPeerConnection(configuration),
      devices,
      timers: realTimers,
      random: () => Math.random(),
      lock: new ScreenLock(document),
      mark: (name) => performance.mark(name),
    },
    memory.get(CALL),
  );
  let live: boolean | undefined;
  buyer.subscribe(({ call, ended, welcome }) => {
    memory.set(CALL, buyer?.carries);
    if (welcome === null && ended === null) return;
    const now = ended === null && (call === null ? welcome?.live[0] !== undefined : call.state !== "ended");
    if (now !== live) frame.tell({ type: "state", live: now });
    // what is asked after a call is not asked in a corner
    if (live === true && !now && page?.minimised === true) frame.tell({ type: "restore" });
    live = now;
  });
  const woken = (): void => {
    if (document.visibilityState === "visible") buyer?.wake();
  };
  window.addEventListener("online", woken);
  document.addEventListener("visibilitychange", woken);
  page?.attach(buyer);
  buyer.open();
}

/**
 * A link carries its pass behind `#`, which no server sees. It is taken out of the address at once, except where only
 * another browser, opened at this address, can carry the call.
 */
function takePass(): string | undefined {
  const found = new URLSearchParams(location.hash.slice(1)).get("pass") ?? undefined;
  if (found === undefined) return memory.get(PASS);
  if (devices.supported) history.replaceState(null, "", location.pathname);
  memory.set(PASS, found);
  return found;
}
