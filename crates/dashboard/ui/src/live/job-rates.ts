import { api } from "../api/client";
import type { JobSummary } from "../api/types";
import { BoundedMap } from "../lib/bounded-map";
import { HistoryStore } from "../lib/history";
import { isTerminal } from "../lib/states";
import { serverNow } from "./connection";
import { isMissing, optional } from "./endpoints";
import { usePoll } from "./poll";

/** What a list shows of a running job besides its state. */
export interface JobRates {
  recordsIn: number | null;
  recordsOut: number | null;
  /** Restarts since the submission; null while unknown. */
  restarts: number | null;
  /** Share of time (0 to 1) that its most held-up subtask waits for others to take records; null while unknown. */
  backpressured: number | null;
  /** Records into the job over the last minutes. */
  course: readonly (number | null)[];
}

const EVERY_MS = 5000;
const COURSE_MS = 900_000;
/** Values among which the newest known one counts as of now. */
const FRESH = 2;
/** A list asks for so many jobs at most, the first ones. */
const ASKED_JOBS = 30;
const METRICS = ["numRecordsInPerSecond", "numRecordsOutPerSecond", "numRestarts", "backPressuredTimeMsPerSecond"] as const;

const stores = new BoundedMap(() => new HistoryStore(), 100);

/** The throughput of the running ones among these jobs, as the server remembers it; empty if it does not. */
export function useJobRates(jobs: readonly JobSummary[]): ReadonlyMap<string, JobRates> {
  const running = jobs.filter((job) => !isTerminal(job.state)).slice(0, ASKED_JOBS);
  const { data } = usePoll(
    "job-rates",
    async (signal) => {
      const oldest = serverNow() - COURSE_MS;
      const known = await Promise.allSettled(
        running.map(async ({ jid }) => {
          const store = stores.get(jid);
          const answer = await optional("history", () => api.jobHistory(jid, { get: METRICS, from: Math.max(store.end, oldest) }, signal));
          if (answer) store.add(answer);
          // What was before a restart says nothing of now.
          const newest = (metric: string) => store.line(metric).slice(-FRESH).findLast((value) => value !== null) ?? null;
          const rates: JobRates = { recordsIn: newest(METRICS[0]), recordsOut: newest(METRICS[1]), restarts: store.newest(METRICS[2]), backpressured: backpressure(store), course: store.line(METRICS[0]).slice(-COURSE_MS / EVERY_MS) };
          return [jid, rates] as const;
        }),
      );
      return new Map(known.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
    },
    { every: EVERY_MS, enabled: running.length > 0 && !isMissing("history") },
  );
  return data ?? NONE;
}

/** The largest share over all vertices, of the newest values. */
function backpressure(store: HistoryStore): number | null {
  const vertices = [...store.infos.values()].flatMap(({ id, vertex }) => (id === METRICS[3] && vertex ? [vertex] : []));
  const newest = store.largest(METRICS[3], vertices).slice(-FRESH).findLast((value) => value !== null);
  return newest == null ? null : Math.min(1, newest / 1000);
}

const NONE: ReadonlyMap<string, JobRates> = new Map();
