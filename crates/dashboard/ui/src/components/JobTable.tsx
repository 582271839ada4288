import type { JobSummary } from "../api/types";
import { link } from "../lib/route";
import { now } from "../live/clock";
import { DataTable } from "./DataTable";
import { JobCell } from "./JobCell";
import { StateChip } from "./StateChip";
import { TaskBar } from "./TaskBar";
import { Elapsed, When } from "./Times";

/** Jobs with what one asks first: which, in what state, since when. */
export function JobTable({ label, jobs, ended }: { label: string; jobs: readonly JobSummary[]; ended: boolean }) {
  return (
    <DataTable
      label={label}
      rows={jobs}
      rowKey={(job) => job.jid}
      sort={ended ? { by: "end", order: "descending" } : { by: "start", order: "descending" }}
      onRow={(job) => (location.hash = link.job(job.jid))}
      columns={[
        { id: "name", title: "Job", heading: true, value: (job) => job.name, cell: (job) => <JobCell id={job.jid} name={job.name} /> },
        { id: "state", title: "State", value: (job) => job.state, cell: (job) => <StateChip state={job.state} /> },
        { id: "tasks", title: "Subtasks", numeric: true, hint: "Subtasks running or finished, of all", value: (job) => job.tasks["total"] ?? 0, cell: (job) => <TaskBar counts={job.tasks} /> },
        { id: "start", title: "Started", numeric: true, value: (job) => job["start-time"], cell: (job) => <When time={job["start-time"]} /> },
        ...(ended
          ? [{ id: "end", title: "Ended", numeric: true, value: endOf, cell: (job: JobSummary) => <When time={job["end-time"]} /> }]
          : []),
        { id: "duration", title: "Duration", numeric: true, value: (job) => (job["end-time"] > 0 ? job.duration : now.peek() - job["start-time"]), cell: (job) => <Elapsed start={job["start-time"]} end={job["end-time"]} /> },
      ]}
    />
  );
}

/** Running jobs have no end yet: they sort as the newest. */
function endOf(job: JobSummary): number {
  return job["end-time"] > 0 ? job["end-time"] : Infinity;
}
