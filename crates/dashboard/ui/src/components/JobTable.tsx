import type { JobSummary } from "../api/types";
import { plural, rate } from "../lib/format";
import { link } from "../lib/route";
import { newest } from "../lib/sparkline";
import { isTerminal } from "../lib/states";
import { now } from "../live/clock";
import type { JobRates } from "../live/job-rates";
import { type Column, DataTable } from "./DataTable";
import { Load } from "./Load";
import { JobCell } from "./JobCell";
import { Sparkline } from "./Sparkline";
import { StateChip } from "./StateChip";
import { TaskBar } from "./TaskBar";
import { Ago, Elapsed, When } from "./Times";

interface Props {
  label: string;
  jobs: readonly JobSummary[];
  /** Whether there are ended ones among them. */
  ended: boolean;
  /** Throughput and load of those that run; left out where the server remembers none. */
  rates?: ReadonlyMap<string, JobRates> | undefined;
  /** Why jobs failed or restart. */
  causes?: ReadonlyMap<string, string> | undefined;
}

/** Jobs with what one asks first: which, in what state, how fast, since when. */
export function JobTable({ label, jobs, ended, rates, causes }: Props) {
  const throughput: Column<JobSummary>[] =
    rates
      ? [
          {
            id: "rate",
            title: "Throughput",
            numeric: true,
            hint: "Records per second that the sources read, and its course over the last 15 minutes",
            value: (job) => rates.get(job.jid)?.recordsIn ?? -1,
            cell: (job) => <Throughput rates={rates.get(job.jid)} />,
          },
          {
            id: "backpressured",
            title: "Backpressured",
            numeric: true,
            hint: "Share of time that the most held-up subtask waits for others to take records",
            value: (job) => rates.get(job.jid)?.backpressured ?? -1,
            cell: (job) => <Load share={isTerminal(job.state) ? null : (rates.get(job.jid)?.backpressured ?? null)} tone="backpressured" label="Backpressured" />,
          },
        ]
      : [];
  return (
    <DataTable
      label={label}
      rows={jobs}
      rowKey={(job) => job.jid}
      sort={ended ? { by: "end", order: "descending" } : { by: "start", order: "descending" }}
      onRow={(job) => (location.hash = link.job(job.jid))}
      columns={[
        { id: "name", title: "Job", heading: true, value: (job) => job.name, cell: (job) => <JobCell id={job.jid} name={job.name} cause={causes?.get(job.jid)} /> },
        { id: "state", title: "State", wide: true, value: (job) => job.state, cell: (job) => <State job={job} restarts={rates?.get(job.jid)?.restarts ?? 0} /> },
        ...throughput,
        { id: "tasks", title: "Subtasks", numeric: true, hint: "Subtasks running or finished, of all", value: (job) => job.tasks["total"] ?? 0, cell: (job) => <TaskBar counts={job.tasks} /> },
        { id: "start", title: "Started", numeric: true, value: (job) => job["start-time"], cell: (job) => <When time={job["start-time"]} /> },
        ...(ended
          ? [{ id: "end", title: "Ended", numeric: true, value: endOf, cell: (job: JobSummary) => <Ago time={job["end-time"]} /> }]
          : []),
        { id: "duration", title: "Duration", numeric: true, value: (job) => (job["end-time"] > 0 ? job.duration : now.peek() - job["start-time"]), cell: (job) => <Elapsed start={job["start-time"]} end={job["end-time"]} /> },
      ]}
    />
  );
}

/** Points of the small line: a quarter of an hour. */
const COURSE = 180;

/** The state, and how often it was not that of a job that runs well. */
function State({ job, restarts }: { job: JobSummary; restarts: number }) {
  return (
    <span class="state-cell">
      <StateChip state={job.state} />
      {restarts > 0 && (
        <a class="badge badge-warning" href={link.job(job.jid, "exceptions")} title="Since its submission">
          {plural(restarts, "restart")}
        </a>
      )}
    </span>
  );
}

function Throughput({ rates }: { rates: JobRates | undefined }) {
  if (!rates || rates.recordsIn === null) return <span class="muted">–</span>;
  return (
    <span class="rate-cell">
      <Sparkline values={newest(rates.course, COURSE)} label="Course of the last 15 minutes" small />
      <span class="rate-value">{rate(rates.recordsIn)}/s</span>
    </span>
  );
}

/** Running jobs have no end yet: they sort as the newest. */
function endOf(job: JobSummary): number {
  return job["end-time"] > 0 ? job["end-time"] : Infinity;
}
