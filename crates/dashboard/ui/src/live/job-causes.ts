import { api } from "../api/client";
import type { JobSummary } from "../api/types";
import { BoundedMap } from "../lib/bounded-map";
import { groupFailures } from "../lib/exceptions";
import { isTerminal } from "../lib/states";
import { serverNow } from "./connection";
import type { JobRates } from "./job-rates";
import { usePoll } from "./poll";

const EVERY_MS = 5000;
/** A list asks for so many jobs at most, the first ones. */
const ASKED_JOBS = 20;
const TROUBLED = new Set(["FAILED", "FAILING", "RESTARTING"]);
/** A job that runs again still says why it did not: in a loop of restarts that is the moment it is looked at. */
const RECENTLY_MS = 120_000;

/** Why jobs failed that will not fail again. */
const settled = new BoundedMap<{ cause: string | null }>(() => ({ cause: null }), 200);

/** Why these jobs failed, or restarted just now, in a line each. `rates` tell which ones were restarted at all. */
export function useJobCauses(jobs: readonly JobSummary[], rates: ReadonlyMap<string, JobRates>): ReadonlyMap<string, string> {
  const troubled = jobs.filter(({ jid, state }) => TROUBLED.has(state) || (!isTerminal(state) && (rates.get(jid)?.restarts ?? 0) > 0)).slice(0, ASKED_JOBS);
  const { data } = usePoll(
    "job-causes",
    async (signal) => {
      const known = await Promise.allSettled(
        troubled.map(async ({ jid, state }) => {
          const final = settled.get(jid);
          if (final.cause !== null) return [jid, final.cause] as const;
          const failure = groupFailures((await api.exceptions(jid, 1, signal)).exceptionHistory.entries)[0];
          const tells = failure !== undefined && (TROUBLED.has(state) || serverNow() - failure.timestamp < RECENTLY_MS);
          const cause = tells ? failure.headline : "";
          if (isTerminal(state)) final.cause = cause;
          return [jid, cause] as const;
        }),
      );
      return new Map(known.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
    },
    { every: EVERY_MS, enabled: troubled.length > 0 },
  );
  return data ?? NONE;
}

const NONE: ReadonlyMap<string, string> = new Map();
