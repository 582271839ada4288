import { api } from "../api/client";
import type { Job } from "../api/types";
import { stateByVertex } from "../lib/state-size";
import { isSettled } from "../lib/states";
import { usePoll } from "./poll";

/** State grows slowly, and checkpoints take their time. */
const EVERY_MS = 10_000;

/** How much state each vertex had in the latest completed checkpoint, bytes; empty without one. */
export function useStateSizes(job: Job): ReadonlyMap<string, number> {
  const { data } = usePoll(
    `state-sizes/${job.jid}`,
    async (signal) => {
      const { latest } = await api.checkpoints(job.jid, signal);
      if (!latest.completed) return NONE;
      return stateByVertex(await api.checkpoint(job.jid, latest.completed.id, signal));
    },
    { every: EVERY_MS, until: () => isSettled(job) },
  );
  return data ?? NONE;
}

const NONE: ReadonlyMap<string, number> = new Map();
