// A pretended JobManager for working on the dashboard: `npm run mock`, then `npm run dev`.
// Serves dist/ too, with the headers of the real server, so that the built dashboard can be tried.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { refuses } from "./mock/leadership.mjs";
import { isMissing } from "./mock/observe.mjs";
import { routes } from "./mock/routes.mjs";

const port = Number(process.env.PORT ?? 8099);
const dist = join(fileURLToPath(new URL("..", import.meta.url)), "dist");
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

const HEADERS = {
  "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "x-content-type-options": "nosniff",
};

function answer(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...HEADERS });
  response.end(text);
}

/** Answers a text whole, or the asked byte range of it. */
function text(request, response, content) {
  const bytes = Buffer.from(content);
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  const head = { "content-type": "text/plain; charset=utf-8", ...HEADERS };
  if (!range) return response.writeHead(200, head).end(bytes);
  const from = range[1] === "" ? Math.max(0, bytes.length - Number(range[2])) : Number(range[1]);
  if (from >= bytes.length) return response.writeHead(416, head).end();
  response.writeHead(206, { ...head, "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
  response.end(bytes.subarray(from));
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

createServer(async (request, response) => {
  const url = new URL(request.url, "http://x");
  const path = url.pathname.replace(/^\/v1(?=\/)/, "");
  const content = await body(request);
  if (isMissing(path)) return answer(response, 404, { errors: [`Unable to load requested file ${path}.`] });
  for (const [method, pattern, handler] of routes) {
    const match = pattern.exec(path);
    if (!match || method !== request.method) continue;
    const refusal = /^\/(leader|pretend)/.test(path) ? null : refuses(path);
    if (refusal) return answer(response, 503, { errors: [refusal] });
    const result = handler({ ids: match.slice(1).map(decodeURIComponent), query: url.searchParams, body: content });
    if (result.text !== undefined) return text(request, response, result.text);
    return answer(response, result.status ?? 200, result.json);
  }
  const file = join(dist, normalize(path === "/" ? "/index.html" : path));
  if (file.startsWith(dist) && existsSync(file) && extname(file)) {
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", ...HEADERS });
    return createReadStream(file).pipe(response);
  }
  answer(response, 404, { errors: [`Unable to load requested file ${path}.`] });
}).listen(port, "127.0.0.1", () => console.log(`mock JobManager on http://127.0.0.1:${port}`));
