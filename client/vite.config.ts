/**
 * Builds the page into the Python package, so that the wheel carries it.
 * The development server hands signalling on to a running `sfu serve`.
 */
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../sfu/web/static",
    emptyOutDir: true,
    target: "es2022",
    // Inlined assets would be data: URLs, which the page's Content-Security-Policy need not allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "/ws": { target: "https://localhost:8443", ws: true, secure: false } },
  },
});
