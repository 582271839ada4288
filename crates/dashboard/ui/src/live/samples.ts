import { api } from "../api/client";
import { BoundedMap } from "../lib/bounded-map";
import { type Picked, pickKey, subtaskOf } from "../lib/picked-metrics";
import { Series } from "../lib/rates";

/** Lines of what metrics were while the tab was open, by job and what is shown of which. */
const lines = new BoundedMap(() => new Series(1), 64);

export function sampleLine(jobId: string, pick: Picked): Series {
  return lines.get(`${jobId}/${pickKey(pick)}`);
}

/** Asks for what is picked as it is now, in at most two calls a vertex, and adds it to its lines. Those of `history` are not asked for. */
export async function takeSamples(jobId: string, picked: readonly Picked[], now: () => number, signal: AbortSignal): Promise<number> {
  const byVertex = new Map<string, Picked[]>();
  for (const pick of picked) {
    if (pick.vertex === null || pick.how === "history") continue;
    byVertex.set(pick.vertex, [...(byVertex.get(pick.vertex) ?? []), pick]);
  }
  await Promise.all(
    [...byVertex].map(async ([vertex, picks]) => {
      const together = [...new Set(picks.filter(({ how }) => subtaskOf(how) === null).map(({ id }) => id))];
      const single = [...new Set(picks.flatMap(({ id, how }) => (subtaskOf(how) === null ? [] : [`${subtaskOf(how)}.${id}`])))];
      const [aggregated, plain] = await Promise.all([
        together.length > 0 ? api.subtaskMetrics(jobId, vertex, together, signal) : [],
        single.length > 0 ? api.vertexMetrics(jobId, vertex, single, signal) : [],
      ]);
      const time = now();
      for (const pick of picks) {
        const subtask = subtaskOf(pick.how);
        const value =
          subtask === null
            ? aggregated.find(({ id }) => id === pick.id)?.[pick.how as "sum" | "avg" | "max" | "min"]
            : plain.find(({ id }) => id === `${subtask}.${pick.id}`)?.value;
        const number = value === undefined ? NaN : Number(value);
        sampleLine(jobId, pick).push(time, [Number.isFinite(number) ? number : null]);
      }
    }),
  );
  return now();
}
