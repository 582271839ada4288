import { defineConfig } from "vitest/config";
import { gzip } from "./vite/gzip";

/** Where `npm run dev` finds the REST API: the mock server or a real JobManager. */
const api = process.env.FLOTT_REST ?? "http://127.0.0.1:8099";

export default defineConfig({
  // Relative, so that the dashboard also works behind a proxy that adds a path prefix.
  base: "./",
  plugins: [gzip()],
  build: {
    outDir: "dist",
    target: "es2022",
    // Data URLs would need an exception in the Content-Security-Policy.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      "^/(config|leader|overview|history|jobs|taskmanagers|jobmanager|jars)(/|\\?|$)": { target: api, changeOrigin: false },
    },
  },
  test: {
    include: ["src/**/*.test.ts", "vite/*.test.ts"],
    environment: "node",
  },
});
