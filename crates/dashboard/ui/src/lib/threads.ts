import type { ThreadInfo } from "../api/observe-types";

/** A thread as it is listed; what waits for a thread of its own is listed too. */
export interface ThreadRow {
  /** Its name, or the subtask that it runs or that waits for it. */
  name: string;
  /** What it does, such as `WAITING in futex_do_wait`. */
  state: string;
  /** Which process it is of; empty if the server does not say. */
  process: string;
  /** Time on a CPU since it began, ms; null if the server does not say. */
  cpu: number | null;
  /** The lines below. */
  rest: string;
}

const DETAIL = /^\t?-\s+(process|CPU time|subtask): (.*)$/;
const NOBODY = /^Id=0 /;

/** Reads what a thread dump says of a thread. */
export function threadRow({ threadName, stringifiedThreadInfo }: ThreadInfo): ThreadRow {
  const [first = "", ...more] = stringifiedThreadInfo.trimEnd().split("\n");
  const quoted = `"${threadName}"`;
  const head = first.startsWith(quoted) ? first.slice(quoted.length).trim() : first.trim();
  const details = new Map<string, string>();
  const rest: string[] = [];
  for (const line of more) {
    const match = DETAIL.exec(line);
    if (match) details.set(match[1] ?? "", match[2] ?? "");
    else rest.push(line.replace(/^\t/, ""));
  }
  const subtask = details.get("subtask");
  const cpu = Number.parseFloat(details.get("CPU time") ?? "");
  const waiting = NOBODY.test(head) && subtask !== undefined;
  return {
    name: waiting ? subtask : subtask ? `${threadName}: ${subtask}` : threadName,
    state: waiting ? (rest.shift() ?? "").replace(/^at /, "") || "waiting" : head,
    process: details.get("process") ?? "",
    cpu: waiting || !Number.isFinite(cpu) ? null : cpu,
    rest: rest.join("\n"),
  };
}

/** By process, in the order of the dump; in each those first that used most of a CPU. */
export function threadGroups(threads: readonly ThreadInfo[]): { process: string; rows: ThreadRow[] }[] {
  const groups = new Map<string, ThreadRow[]>();
  for (const thread of threads) {
    const row = threadRow(thread);
    const known = groups.get(row.process);
    if (known) known.push(row);
    else groups.set(row.process, [row]);
  }
  return [...groups].map(([process, rows]) => ({ process, rows: rows.sort((a, b) => (b.cpu ?? -1) - (a.cpu ?? -1)) }));
}

const OF_JOB = /\b([0-9a-f]{32})\b/;

/** The job that a process works for, if its name says one. */
export function jobOf(process: string): string | null {
  return OF_JOB.exec(process)?.[1] ?? null;
}
