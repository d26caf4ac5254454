/** Starts the merchant's console. */
import "./kh-console";
import { AgentDesk, Devices, realTimers, ScreenLock } from "../core";
import { memory, randomName } from "../ui/memory";
import { language, say } from "../words";
import type { Me } from "./api";
import { KhConsole } from "./kh-console";
import { Ringer } from "./ringer";

const DEVICE = "kanhuo-device";
const CALL = "kanhuo-desk-call";
const DUTY = "kanhuo-duty";

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = say("console");

const device = memory.get(DEVICE) ?? randomName();
memory.set(DEVICE, device);

/** Ends what the last desk listened to; a sign-out and a sign-in make a new one on the same page. */
let listening = new AbortController();

const page = new KhConsole();
page.timers = realTimers;
page.ringer = new Ringer({
  audio: () => new AudioContext(),
  document,
  vibrate: (pattern) => {
    if ("vibrate" in navigator) navigator.vibrate(pattern);
  },
  timers: realTimers,
});
page.invite = new URLSearchParams(location.hash.slice(1)).get("invite") ?? "";
if (page.invite !== "") history.replaceState(null, "", location.pathname);
page.start = start;
page.addEventListener("signed-out", () => memory.set(DUTY, undefined));
document.body.append(page);

if ("serviceWorker" in navigator && location.protocol === "https:") {
  void navigator.serviceWorker.register("/console/worker.js", { scope: "/console/" });
}

/** Who was on duty before a reload still is; whoever signs out is not. */
function start({ agent }: Me): AgentDesk {
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
    memory.get(DUTY) === agent.id,
  );
  desk.subscribe(({ duty }) => {
    memory.set(CALL, desk.carries);
    memory.set(DUTY, duty ? agent.id : undefined);
  });
  listen(desk);
  desk.open();
  return desk;
}

function listen(desk: AgentDesk): void {
  listening.abort();
  listening = new AbortController();
  const { signal } = listening;
  window.addEventListener("online", () => desk.wake(), { signal });
  document.addEventListener(
    "visibilitychange",
    () => {
      desk.setForeground(document.visibilityState === "visible");
      desk.wake();
    },
    { signal },
  );
  window.addEventListener(
    "beforeunload",
    (event) => {
      if (desk.carries !== undefined) event.preventDefault();
    },
    { signal },
  );
}
