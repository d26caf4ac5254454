/** The part of the console's service worker that rings; the rest of it keeps the console's files. */
import { type Carried, type Push, pushed, tapped, type Around } from "./pushed";
import { speaker } from "./words";

declare const self: ServiceWorkerGlobalScope;

const around: Around = {
  show: (title, options) => self.registration.showNotification(title, options),
  shown: (tag) => self.registration.getNotifications({ tag }),
  pages: async () => (await self.clients.matchAll({ type: "window", includeUncontrolled: true })).filter(({ url }) => isConsole(url)),
  open: (path) => self.clients.openWindow(path),
  post: async (path, body) => {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.status === 204 ? undefined : ((await response.json()) as unknown);
  },
  say: speaker(self.navigator.languages),
};

function isConsole(url: string): boolean {
  return new URL(url).pathname.startsWith("/console");
}

self.addEventListener("push", (event) => {
  if (event.data !== null) event.waitUntil(pushed(around, event.data.json() as Push));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tapped(around, event.action, event.notification.data as Carried | null));
});
