import type { ExceptionEntry } from "../api/types";

/** An exception prepared for reading: what happened first, where, and the rest on demand. */
export interface Failure {
  /** The root cause in one line. */
  headline: string;
  /** The other lines, as the server sent them; may be empty. */
  detail: string;
  /** Task without its attempt, or null for a failure of the whole job. */
  task: string | null;
  operator: string | null;
  /** Where in the user's source, such as `src/main.rs:12:5`. */
  location: string | null;
  endpoint: string | null;
  taskManagerId: string | null;
  /** What kind of thing failed, such as `PANIC`. */
  kind: string | null;
  /** Time of the newest occurrence. */
  timestamp: number;
  /** All times that it happened, newest first. */
  occurrences: Occurrence[];
  concurrent: Failure[];
}

/** One time that a failure happened. */
export interface Occurrence {
  timestamp: number;
  /** What it said then: repeats may differ in their numbers. */
  headline: string;
  /** Which subtask it was, such as `2/4`; null for a failure of no single one. */
  subtask: string | null;
  /** Which attempt of the task it was, where the task's name says so. */
  attempt: number | null;
  endpoint: string | null;
  taskManagerId: string | null;
}

const CAUSED_BY = "Caused by: ";

/** The line that names the root cause: the innermost cause of a chain, else the first line. */
export function headline(entry: Pick<ExceptionEntry, "stacktrace" | "exceptionName">): string {
  const lines = entry.stacktrace.split("\n").map((line) => line.trimEnd());
  const cause = lines.findLast((line) => line.startsWith(CAUSED_BY));
  const first = cause?.slice(CAUSED_BY.length) ?? lines.find((line) => line.trim() !== "");
  return (first ?? entry.exceptionName).trim() || "The job failed without a message.";
}

/** A failure's text by its headline and the rest. */
export function rootCause(text: string): { head: string; detail: string } {
  const head = headline({ stacktrace: text, exceptionName: "" });
  const whole = text.trim();
  return { head, detail: whole.startsWith(head) ? whole.slice(head.length).replace(/^\s*\n/, "") : whole };
}

const ATTEMPT = / - execution #(\d+)$/;

/** `Source: gen (1/1) - execution #21` without the attempt, so that repeats can be found. */
export function taskOf(taskName: string | null | undefined): string | null {
  return taskName ? taskName.replace(ATTEMPT, "") : null;
}

/** Headline and the rest of a cause that came by its parts. What has a place of its own is not repeated. */
function ofParts(cause: NonNullable<ExceptionEntry["rootCause"]>): { head: string; detail: string } {
  const [head = "", ...more] = cause.message.trim().split("\n");
  const tail = lastPanic(cause.stderrTail?.trimEnd() ?? "");
  const detail = [...more, ...(cause.context ?? []), ...(tail ? ["last lines of stderr:", tail] : [])];
  return { head, detail: detail.join("\n") };
}

const PANIC = /^thread '.*' .*panicked at /gm;

/** A process that lives on tells of earlier panics too: what came last belongs to this failure. */
export function lastPanic(stderr: string): string {
  const last = [...stderr.matchAll(PANIC)].at(-1);
  return last ? stderr.slice(last.index) : stderr;
}

function failure(entry: ExceptionEntry): Failure {
  const { head, detail } = entry.rootCause?.message.trim() ? ofParts(entry.rootCause) : rootCause(entry.stacktrace.trim() || entry.exceptionName);
  const attempt = ATTEMPT.exec(entry.taskName ?? "")?.[1];
  const task = taskOf(entry.taskName);
  const place = { endpoint: entry.endpoint ?? null, taskManagerId: entry.taskManagerId ?? null };
  return {
    headline: head,
    detail: detail.trimEnd(),
    task,
    operator: entry.rootCause?.operator ?? null,
    location: entry.rootCause?.location ?? null,
    ...place,
    kind: entry.rootCause?.kind ?? null,
    timestamp: entry.timestamp,
    occurrences: [{ timestamp: entry.timestamp, headline: head, subtask: SUBTASK.exec(task ?? "")?.[1] ?? null, attempt: attempt === undefined ? null : Number(attempt), ...place }],
    concurrent: (entry.concurrentExceptions ?? []).map(failure),
  };
}

const SUBTASK = / \((\d+\/\d+)\)$/;

/** What repeats of a failure have in common: its words without numbers, and its task whichever subtask it was. */
export function sameness({ headline: text, task }: Failure): string {
  return `${text.replace(/\d+/g, "#")}\n${(task ?? "").replace(SUBTASK, "")}`;
}

/** Newest first; the same cause at the same task is one entry with a count. */
export function groupFailures(entries: readonly ExceptionEntry[]): Failure[] {
  const groups = new Map<string, Failure>();
  for (const entry of [...entries].sort((a, b) => b.timestamp - a.timestamp)) {
    const next = failure(entry);
    const key = sameness(next);
    const known = groups.get(key);
    if (known) known.occurrences.push(...next.occurrences);
    else groups.set(key, next);
  }
  return [...groups.values()];
}

/** Failures that have all words of `search` in their message, task, place or time's TaskManager. */
export function findFailures(failures: readonly Failure[], search: string): Failure[] {
  const words = search.trim().toLowerCase().split(/\s+/);
  return failures.filter((failure) => {
    const places = failure.occurrences.map(({ endpoint, taskManagerId }) => `${endpoint} ${taskManagerId}`);
    const text = [failure.headline, failure.detail, failure.task, failure.operator, failure.kind, ...places].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
