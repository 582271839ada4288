import { signal } from "@preact/signals";
import { ApiError } from "../api/errors";

/** Parts of the REST API that not every server has. */
export type Optional = "history" | "job-logs" | "log-level" | "rescale" | "rescales" | "flamegraph" | "thread-dump" | "profiler" | "accumulators";

/** Those that this server turned out not to have: they are asked for once and then left out. */
const missing = signal<ReadonlySet<Optional>>(new Set());

export function isMissing(what: Optional): boolean {
  return missing.value.has(what);
}

/** The server's words for a path, or a method of it, that it does not have; other 404s are about an id. */
const NO_PATH = /^(Unable to load requested file|Not found:)/;

/** Whether a failure says that the server has no such path at all. */
export function isNoSuchPath(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && NO_PATH.test(error.errors[0] ?? "");
}

/** Asks for something that may not be there; null if it is not. Other failures are handed on. */
export async function optional<T>(what: Optional, ask: () => Promise<T>): Promise<T | null> {
  if (missing.peek().has(what)) return null;
  try {
    return await ask();
  } catch (error) {
    if (!isNoSuchPath(error)) throw error;
    missing.value = new Set([...missing.peek(), what]);
    return null;
  }
}
