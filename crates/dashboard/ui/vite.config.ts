import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the REST API: the mock server or a real JobManager. */
const api = process.env.FLOTT_REST ?? "http://127.0.0.1:8099";

/** What the whole dashboard may weigh on its way to a browser, compressed. */
const BUDGET = 128 * 1024;

/** Writes `NAME.gz` beside every text file of the output; the jobmanager sends it as it is. */
function gzip(): Plugin {
  return {
    name: "flott:gzip",
    apply: "build",
    generateBundle(_options, bundle) {
      let total = 0;
      for (const file of Object.values(bundle)) {
        const source = file.type === "chunk" ? file.code : file.source;
        if (source.length < 1024) continue;
        const compressed = gzipSync(source, { level: 9 });
        total += compressed.length;
        this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: compressed });
      }
      if (total > BUDGET) this.error(`the dashboard is ${total} bytes compressed, over its budget of ${BUDGET}`);
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
      "^/(config|leader|overview|jobs|taskmanagers|jobmanager|jars)(/|\\?|$)": { target: api, changeOrigin: false },
    },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
  },
});
