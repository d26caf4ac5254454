import { resolve } from "node:path";
import { defineConfig } from "vite";

const root = import.meta.dirname;

export default defineConfig({
  root,
  appType: "mpa",
  build: {
    outDir: resolve(root, "../src/kanhuo/web"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { call: resolve(root, "call/index.html"), console: resolve(root, "console/index.html") },
      output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js" },
    },
  },
  server: {
    proxy: {
      "/v1": "http://localhost:8000",
      "/shop": "http://localhost:8000",
      "/socket": { target: "ws://localhost:8000", ws: true },
    },
  },
});
