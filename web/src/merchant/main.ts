/** Starts the merchant's console. */
import "./kh-console";
import { AgentDesk, Devices, realTimers, ScreenLock } from "../core";
import { memory, randomName } from "../ui/memory";
import { language, say } from "../words";
import { api, type Me } from "./api";
import { KhConsole } from "./kh-console";
import { Reach } from "./reach";
import { Ringer } from "./ringer";

const DEVICE = "kanhuo-device";
const CALL = "kanhuo-desk-call";
const DUTY = "kanhuo-duty";

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = say("console");

const device = memory.get(DEVICE) ?? randomName();
memory.set(DEVICE, device);

/** The sockets that are open. */
const lines = new Set<WebSocket>();

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
const asked = new URLSearchParams(location.hash.slice(1));
page.invite = asked.get("invite") ?? "";
page.link = asked.get("link") ?? "";
page.knock = asked.get("knock") ?? "";
if (asked.size > 0) history.replaceState(null, "", location.pathname);
page.start = start;
page.addEventListener("signed-out", () => memory.set(DUTY, undefined));
page.reach = new Reach({ worker: worker(), permission, ask, installs: installs() }, api, device, () => page.requestUpdate());
document.body.append(page);
const answered = asked.get("answer");
if (answered !== null) page.answer(answered);

/** The service worker, which rings with this page closed; `undefined` where the browser has none, or no push. */
function worker(): Promise<ServiceWorkerRegistration> | undefined {
  if (!("serviceWorker" in navigator)) return undefined;
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ type: string; call: string }>) => {
    if (data.type === "answer") page.answer(data.call);
  });
  // a worker that is not active yet can neither subscribe nor show anything
  const registered = navigator.serviceWorker
    .register("/console/worker.js", { scope: "/console/" })
    .then(() => navigator.serviceWorker.ready);
  return "PushManager" in window && "Notification" in window ? registered : undefined;
}

function permission(): NotificationPermission {
  return Notification.permission;
}

function ask(): Promise<NotificationPermission> {
  return Notification.requestPermission();
}

/** iPhones and iPads push to what is on the home screen alone, and show Safari no push before. */
function installs(): boolean {
  return /iPhone|iPad/u.test(navigator.userAgent) || (navigator.userAgent.includes("Mac") && navigator.maxTouchPoints > 1);
}

/** Who was on duty before a reload still is; whoever signs out is not. */
function start({ agent }: Me): AgentDesk {
  const desk = new AgentDesk(
    {
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
      pass: () => undefined,
      device,
      inst: randomName(),
      socket: line,
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

function line(url: string): WebSocket {
  const socket = new WebSocket(url);
  lines.add(socket);
  socket.addEventListener("close", () => lines.delete(socket));
  return socket;
}

function listen(desk: AgentDesk): void {
  listening.abort();
  listening = new AbortController();
  const { signal } = listening;
  window.addEventListener("online", () => desk.wake(), { signal });
  // a page that the browser freezes shows no ring: it leaves, so that the server rings her otherwise (Page Lifecycle, W3C)
  document.addEventListener("freeze", () => lines.forEach((open) => open.close()), { signal });
  document.addEventListener("resume", () => desk.wake(), { signal });
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
