/** Starts the merchant's console. */
import "./kh-console";
import { AgentDesk, Devices, realTimers, ScreenLock } from "../core";
import { memory, randomName } from "../ui/memory";
import { language, say } from "../words";
import type { KhConsole } from "./kh-console";
import { Ringer } from "./ringer";

const DEVICE = "kanhuo-device";
const CALL = "kanhuo-desk-call";

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = say("console");

const page = document.querySelector<KhConsole>("kh-console");
if (page === null) throw new Error("the page has no <kh-console>");

const device = memory.get(DEVICE) ?? randomName();
memory.set(DEVICE, device);

page.ringer = new Ringer(
  () => new AudioContext(),
  document,
  (pattern) => "vibrate" in navigator && navigator.vibrate(pattern),
);
page.invite = new URLSearchParams(location.hash.slice(1)).get("invite") ?? "";
if (page.invite !== "") history.replaceState(null, "", location.pathname);
page.start = start;

if ("serviceWorker" in navigator && location.protocol === "https:") {
  void navigator.serviceWorker.register("/console/worker.js", { scope: "/console/" });
}

function start(): AgentDesk {
  const desk = new AgentDesk(
    {
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
      pass: () => undefined,
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
  desk.subscribe(() => memory.set(CALL, desk.carries));
  window.addEventListener("online", () => desk.wake());
  document.addEventListener("visibilitychange", () => {
    desk.setForeground(document.visibilityState === "visible");
    desk.wake();
  });
  window.addEventListener("beforeunload", (event) => {
    if (desk.carries !== undefined) event.preventDefault();
  });
  desk.open();
  return desk;
}
