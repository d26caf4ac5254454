// Builds the pages, then the launcher (one file of a fixed name), then the console's service worker.
import { resolve } from "node:path";
import { build } from "vite";
import { generateSW } from "workbox-build";

const root = resolve(import.meta.dirname, "..");
const out = resolve(root, "../src/kanhuo/web");

await build({ configFile: resolve(root, "vite.config.ts"), logLevel: "warn" });
await build({
  configFile: false,
  root,
  logLevel: "warn",
  publicDir: false,
  build: {
    outDir: out,
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: resolve(root, "src/launcher/kanhuo.ts"), formats: ["es"], fileName: () => "kanhuo.js" },
  },
});
// What rings with the console closed: a classic script, because the worker below pulls it in
await build({
  configFile: false,
  root,
  logLevel: "warn",
  publicDir: false,
  build: {
    outDir: out,
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: resolve(root, "src/worker/push.ts"), formats: ["iife"], name: "kanhuo", fileName: () => "console/push.js" },
  },
});
// The console's shell only: never the socket, never an answer of the API.
await generateSW({
  globDirectory: out,
  globPatterns: ["console/**/*.{html,svg,png,webmanifest}", "assets/*.{js,css}"],
  globIgnores: ["assets/call-*"],
  swDest: resolve(out, "console/worker.js"),
  modifyURLPrefix: { "": "/" },
  // the page is served under its folder's name alone; one file that is not found, and the worker is never installed
  manifestTransforms: [
    (entries) => ({ manifest: entries.map((entry) => ({ ...entry, url: entry.url.replace(/index\.html$/u, "") })), warnings: [] }),
  ],
  sourcemap: false,
  inlineWorkboxRuntime: true,
  clientsClaim: true,
  skipWaiting: true,
  cleanupOutdatedCaches: true,
  navigateFallback: null,
  directoryIndex: "index.html",
  importScripts: ["/console/push.js"],
});
