/** A log line by its parts, as far as it has them. Together they are the line, but for a module path made short. */
export interface LogParts {
  /** The date, which most lines of a log have in common. */
  date: string;
  /** Time of day and level. */
  head: string;
  /** Who logs: the last part of a module path. */
  module: string;
  /** The whole module path. */
  path: string;
  text: string;
}

const LINE = /^(\d{4}-\d\d-\d\d[ T])(\d\d:\d\d:\d\d[.,]\d+Z?\s+[A-Z]+\s+)(?:([\w]+(?:::[\w]+)+)(?: \[\] -)? )?(.*)$/;

/** Takes a line apart. One that is written otherwise is all text. */
export function logParts(line: string): LogParts {
  const match = LINE.exec(line);
  if (!match) return { date: "", head: "", module: "", path: "", text: line };
  const [, date = "", head = "", path = "", text = ""] = match;
  return { date, head, module: path.slice(path.lastIndexOf("::") + (path === "" ? 1 : 2)), path, text };
}

const STATE = /\b((?:state|status)=)(FAILED|FAILING|RESTARTING|CANCELED|CANCELLING|CANCELING|FINISHED|RUNNING)\b/;

/** Cuts a text around a state that it tells of, to color that. */
export function stateIn(text: string): { before: string; state: string; after: string } | null {
  const match = STATE.exec(text);
  if (!match) return null;
  const from = match.index + (match[1]?.length ?? 0);
  const state = match[2] ?? "";
  return { before: text.slice(0, from), state, after: text.slice(from + state.length) };
}
