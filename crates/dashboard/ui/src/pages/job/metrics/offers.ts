import { useMemo } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job, Vertex } from "../../../api/types";
import { type Offer, offers } from "../../../lib/picked-metrics";
import { isTerminal } from "../../../lib/states";
import { optional } from "../../../live/endpoints";
import { usePoll } from "../../../live/poll";

/** Names change only when operators register metrics of their own, which they mostly do at their start. */
const EVERY_MS = 15_000;
/** A graph with more vertices offers what the server remembers alone. */
const ASKED_VERTICES = 60;

/** The metrics of a job that can be picked. */
export function useOffers(job: Job, vertices: readonly Vertex[]): Offer[] {
  const { data } = usePoll(
    `metric-names/${job.jid}`,
    async (signal) => {
      const [remembered, ...names] = await Promise.all([
        optional("history", () => api.jobHistoryList(job.jid, signal)),
        ...vertices.slice(0, ASKED_VERTICES).map(async ({ id }) => [id, await api.subtaskMetricNames(job.jid, id, signal).catch(() => [])] as const),
      ]);
      return { remembered: remembered ?? [], names: new Map(names) };
    },
    { every: EVERY_MS, until: () => isTerminal(job.state) },
  );
  return useMemo(() => (data ? offers(data.remembered, data.names, vertices) : []), [data, vertices.length]);
}
