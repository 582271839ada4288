import { send } from "./http";
import { ApiError } from "./errors";

/** What is kept of a log in the page: more than anybody scrolls through, little enough for any browser. */
export const TAIL_BYTES = 2 * 1024 * 1024;

/** The end of a log as far as it was read. */
export interface LogTail {
  text: string;
  /** Length of the log when it was read, in bytes. */
  size: number;
  /** Whether the log has more before `text`. */
  cut: boolean;
}

/**
 * Reads the end of a log, or what was added since `last`.
 *
 * Asks for a byte range; servers that do not know ranges send everything, and that works too.
 */
export async function readLog(path: string, last: LogTail | null, signal?: AbortSignal): Promise<LogTail> {
  const known = last !== null && last.size > 0;
  // From the last known byte on: so a log that did not grow still has something to answer with, and only
  // one that was rotated has not.
  const range = known ? `bytes=${last.size - 1}-` : `bytes=-${TAIL_BYTES}`;
  try {
    const response = await send(path, { headers: { range }, ...(signal ? { signal } : {}) });
    return tailOf(new Uint8Array(await response.arrayBuffer()), firstByte(response), last);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 416) throw error;
    return known ? readLog(path, null, signal) : { text: "", size: 0, cut: false };
  }
}

/** Where a partial answer begins, or null for a whole one. */
function firstByte(response: Response): number | null {
  if (response.status !== 206) return null;
  const match = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  return match ? Number(match[1]) : null;
}

/** Joins the bytes of an answer that begins at `first` (null: the whole log) to what is known. */
export function tailOf(bytes: Uint8Array, first: number | null, last: LogTail | null): LogTail {
  const size = (first ?? 0) + bytes.length;
  if (last !== null && first !== null && first === last.size - 1) {
    const text = last.text + new TextDecoder().decode(bytes.subarray(1));
    if (text.length <= TAIL_BYTES) return { text, size, cut: last.cut };
    return { text: wholeLines(text.slice(text.length - TAIL_BYTES)), size, cut: true };
  }
  const kept = bytes.length > TAIL_BYTES ? bytes.subarray(bytes.length - TAIL_BYTES) : bytes;
  const cut = (first ?? 0) > 0 || kept.length < bytes.length;
  const text = new TextDecoder().decode(kept);
  return { text: cut ? wholeLines(text) : text, size, cut };
}

/** Drops the rest of a line that was cut in the middle. */
function wholeLines(text: string): string {
  return text.slice(text.indexOf("\n") + 1);
}
