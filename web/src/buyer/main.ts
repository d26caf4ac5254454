/** Starts the buyer's page. */
import "./kh-buyer";
import { BuyerCall, Devices, realTimers, ScreenLock } from "../core";
import { memory, randomName } from "../ui/memory";
import { language, say } from "../words";
import { Frame } from "./frame";
import type { KhBuyer } from "./kh-buyer";

const DEVICE = "kanhuo-device";
const CALL = "kanhuo-call";

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = say("pre_video");

const page = document.querySelector<KhBuyer>("kh-buyer");
if (page === null) throw new Error("the page has no <kh-buyer>");

const device = memory.get(DEVICE) ?? randomName();
memory.set(DEVICE, device);

let pass = takePassFromAddress();
let buyer: BuyerCall | undefined;

const frame = new Frame(window, (message) => {
  if (message.type === "minimised") page.minimised = message.minimised;
  else {
    pass = message.pass;
    if (message.type === "open" && buyer === undefined) open();
  }
});
page.framed = frame.framed;
page.addEventListener("minimise", () => frame.tell({ type: "minimise" }));
page.addEventListener("restore", () => frame.tell({ type: "restore" }));
page.addEventListener("leave", () => {
  if (frame.framed) frame.tell({ type: "close" });
  else if (history.length > 1) history.back();
});

if (pass !== undefined) open();
else if (!frame.framed) page.passMissing = true;

function open(): void {
  buyer = new BuyerCall(
    {
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
      pass: () => pass,
      device,
      inst: randomName(),
      socket: (url) => new WebSocket(url),
      rtc: (configuration) => new RTCPeerConnection(configuration),
      // absent, whatever the types say, in in-app browsers and on pages without TLS
      devices: new Devices(navigator.mediaDevices),
      timers: realTimers,
      random: () => Math.random(),
      lock: new ScreenLock(document),
      mark: (name) => performance.mark(name),
    },
    memory.get(CALL),
  );
  let live = false;
  buyer.subscribe(({ call }) => {
    memory.set(CALL, buyer?.carries);
    const now = call !== null && call.state !== "ended";
    if (now !== live) frame.tell({ type: "state", live: now });
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

/** A link carries its pass behind `#`, which no server sees; it is taken out of the address at once. */
function takePassFromAddress(): string | undefined {
  const found = new URLSearchParams(location.hash.slice(1)).get("pass") ?? undefined;
  if (found !== undefined) {
    history.replaceState(null, "", location.pathname);
    memory.set("kanhuo-pass", found);
  }
  return found ?? memory.get("kanhuo-pass");
}
