import type { JobSummary } from "../api/types";

/** Jobs whose name, id or state has all the words of `search`. */
export function findJobs(jobs: readonly JobSummary[], search: string): JobSummary[] {
  const words = search.trim().toLowerCase().split(/\s+/);
  return jobs.filter((job) => {
    const text = `${job.name}\n${job.jid}\n${job.state}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What some jobs are together. `recordsIn` is null while no rate is known. */
export function jobTotals(jobs: readonly JobSummary[], rates: ReadonlyMap<string, { recordsIn: number | null }>): { subtasks: number; recordsIn: number | null } {
  const known = jobs.flatMap((job) => rates.get(job.jid)?.recordsIn ?? []);
  return {
    subtasks: jobs.reduce((sum, job) => sum + (job.tasks["total"] ?? 0), 0),
    recordsIn: known.length === 0 ? null : known.reduce((sum, rate) => sum + rate, 0),
  };
}
