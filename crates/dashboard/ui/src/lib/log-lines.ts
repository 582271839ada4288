import type { JobLogLine } from "../api/observe-types";

export type Level = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
export const LEVELS: readonly Level[] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/** One line of a log. Lines without a level of their own belong to the entry above. */
export interface LogLine {
  number: number;
  text: string;
  level: Level | null;
  /** Who wrote it, where a log is of several processes. */
  tag?: string;
}

/** The level stands near the start of a line, in capitals: `2026-11-22 23:33:18,531 INFO  name - text`. */
const LEVEL = /\b(TRACE|DEBUG|INFO|WARN|ERROR)\b/;
const LEVEL_WITHIN = 60;
/** Color codes for terminals. */
const COLORS = /\u001b\[[0-9;]*m/g;

export function parseLog(text: string): LogLine[] {
  if (text === "") return [];
  const lines = text.replace(/\r?\n$/, "").split("\n");
  let level: Level | null = null;
  return lines.map((raw, index) => {
    const line = raw.replace(COLORS, "").trimEnd();
    const found = LEVEL.exec(line.slice(0, LEVEL_WITHIN))?.[1] as Level | undefined;
    if (found) level = found;
    return { number: index + 1, text: line, level };
  });
}

const STAMPED = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d/;
const isLevel = (text: string): text is Level => (LEVELS as readonly string[]).includes(text);

/** A job's log as lines to show: each says when it was and who wrote it, and what belongs to a line stands below it. */
export function jobLogLines(entries: readonly JobLogLine[], jobId: string): LogLine[] {
  const out: LogLine[] = [];
  for (const { time, level, source, text } of entries) {
    // That it is about this job need not stand in each line.
    const short = text.replace(COLORS, "").replaceAll(` job_id=${jobId}`, "").replaceAll(`[job_id=${jobId}] - `, "").replaceAll("[] - ", "");
    const [first = "", ...more] = short.trimEnd().split("\n");
    const known = isLevel(level) ? level : null;
    const head = STAMPED.test(first) ? first : `${stamp(time)} ${level.padEnd(5)} ${first}`;
    for (const [i, line] of [head, ...more].entries()) out.push({ number: out.length + 1, text: line.trimEnd(), level: known, tag: i === 0 ? source : "" });
  }
  return out;
}

/** Local time, as log lines begin with it. */
function stamp(time: number): string {
  const t = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())},${String(t.getMilliseconds()).padStart(3, "0")}`;
}

/** Lines that contain `search` (any case) and are at least as grave as `least`. */
export function filterLog(lines: readonly LogLine[], search: string, least: Level | null): LogLine[] {
  const needle = search.trim().toLowerCase();
  const rank = least === null ? Infinity : LEVELS.indexOf(least);
  return lines.filter(
    (line) =>
      (least === null || (line.level !== null && LEVELS.indexOf(line.level) <= rank)) &&
      (needle === "" || line.text.toLowerCase().includes(needle)),
  );
}

/** Cuts `text` into parts with and without a match of `search`, to mark the matches. */
export function markMatches(text: string, search: string): { text: string; match: boolean }[] {
  const needle = search.trim().toLowerCase();
  if (needle === "") return [{ text, match: false }];
  const lower = text.toLowerCase();
  // Some letters change their length in lower case; then positions would not fit.
  if (lower.length !== text.length) return [{ text, match: false }];
  const parts: { text: string; match: boolean }[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at !== -1; at = lower.indexOf(needle, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), match: false });
    parts.push({ text: text.slice(at, at + needle.length), match: true });
    from = at + needle.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), match: false });
  return parts;
}
