export type Level = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR";
export const LEVELS: readonly Level[] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/** One line of a log. Lines without a level of their own belong to the entry above. */
export interface LogLine {
  number: number;
  text: string;
  level: Level | null;
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
