import type { ThreadInfo } from "../api/observe-types";

/** A thread's first line without the name that stands beside it, and the lines below. */
export function threadSummary({ threadName, stringifiedThreadInfo }: ThreadInfo): { head: string; rest: string } {
  const [first = "", ...more] = stringifiedThreadInfo.trimEnd().split("\n");
  const quoted = `"${threadName}"`;
  const head = first.startsWith(quoted) ? first.slice(quoted.length).trim() : first.trim();
  return { head, rest: more.map((line) => line.replace(/^\t/, "")).join("\n") };
}
