/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const house = process.env.CUGA_URL ?? "http://127.0.0.1:8787";

export default defineConfig({
  base: "./",
  plugins: [react()],
  resolve: { alias: { "react-remove-scroll": fileURLToPath(new URL("./src/parts/still.tsx", import.meta.url)) } },
  build: {
    outDir: "../src/cuga/api/page",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // nothing inline: the page runs under `default-src 'self'`
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": { target: house, changeOrigin: true, headers: { origin: house } },
      "/ws": { target: house, ws: true, changeOrigin: true, headers: { origin: house } },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
