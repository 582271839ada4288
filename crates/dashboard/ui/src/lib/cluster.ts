import type { Job } from "../api/types";
import { Series } from "./rates";
import { historyOf } from "./throughput";

/** Records per second of the whole cluster over time, kept while the tab is open. */
export const clusterThroughput = new Series(1);

/** Takes the newest details of the running jobs; returns the records per second they emit together. */
export function addToCluster(jobs: readonly Job[], now: number): number | null {
  for (const job of jobs) historyOf(job.jid).add(job);
  const total = totalRate(jobs.map((job) => historyOf(job.jid).emittedPerSecond()));
  clusterThroughput.push(now, [total]);
  return total;
}

/** The sum of the known rates: null only while none is known, 0 without jobs. */
export function totalRate(rates: readonly (number | null)[]): number | null {
  if (rates.length > 0 && rates.every((rate) => rate === null)) return null;
  return rates.reduce<number>((sum, rate) => sum + (rate ?? 0), 0);
}
