import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** What the whole dashboard may weigh on its way to a browser, compressed, in bytes. */
export const BUDGET = 160 * 1024;

/** Smaller files gain nothing. */
const SMALLEST = 1024;

interface Output {
  fileName: string;
  content: string | Uint8Array;
}

/** The compressed forms of what is worth it; fails if all of it together is over the budget. */
export function compress(files: readonly Output[], budget: number): Output[] {
  const compressed = files.flatMap(({ fileName, content }) => (content.length < SMALLEST ? [] : [{ fileName: `${fileName}.gz`, content: gzipSync(content, { level: 9 }) }]));
  const total = compressed.reduce((sum, { content }) => sum + content.length, 0);
  if (total > budget) throw new Error(`the dashboard is ${total} bytes compressed, over its budget of ${budget}`);
  return compressed;
}

/** Writes `NAME.gz` beside every text file of the output; the jobmanager sends it as it is. */
export function gzip(): Plugin {
  return {
    name: "flott:gzip",
    apply: "build",
    generateBundle(_options, bundle) {
      const files = Object.values(bundle).map((file) => ({ fileName: file.fileName, content: file.type === "chunk" ? file.code : file.source }));
      for (const { fileName, content } of compress(files, BUDGET)) this.emitFile({ type: "asset", fileName, source: content });
    },
  };
}
