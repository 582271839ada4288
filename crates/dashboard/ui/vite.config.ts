import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the REST API: the mock server or a real JobManager. */
const api = process.env.FLOTT_REST ?? "http://127.0.0.1:8099";

/** Writes `NAME.gz` beside every text file of the output; the jobmanager sends it as it is. */
function gzip(): Plugin {
  return {
    name: "flott:gzip",
    apply: "build",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const source = file.type === "chunk" ? file.code : file.source;
        if (source.length < 1024) continue;
        this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: gzipSync(source, { level: 9 }) });
      }
    },
  };
}

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
      "^/(config|overview|jobs|taskmanagers|jobmanager|jars)(/|\\?|$)": { target: api, changeOrigin: false },
    },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
  },
});
