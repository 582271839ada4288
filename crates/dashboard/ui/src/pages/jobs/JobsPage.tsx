import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { JobTable } from "../../components/JobTable";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Search } from "../../components/Search";
import { plural, rate } from "../../lib/format";
import { findJobs, jobTotals } from "../../lib/job-list";
import { link } from "../../lib/route";
import { type StateGroup, inGroup } from "../../lib/states";
import { canSubmit } from "../../live/config";
import { current, setQuery } from "../../live/location";
import { isMissing } from "../../live/endpoints";
import { useJobCauses } from "../../live/job-causes";
import { useJobRates } from "../../live/job-rates";
import { usePoll } from "../../live/poll";

const GROUPS: { id: StateGroup; title: string }[] = [
  { id: "all", title: "All" },
  { id: "running", title: "Running" },
  { id: "finished", title: "Finished" },
  { id: "failed", title: "Failed" },
  { id: "canceled", title: "Canceled" },
];

/** Every job the server knows; search and filter stand in the address. */
export function JobsPage() {
  const { data, error } = usePoll("jobs", api.jobs);
  const { query } = current.value;
  const group = GROUPS.find(({ id }) => id === query.get("state"))?.id ?? "all";
  const search = query.get("q") ?? "";
  const found = findJobs(data ?? [], search);
  const shown = found.filter((job) => inGroup(job.state, group));
  const rates = useJobRates(shown);
  const causes = useJobCauses(shown, rates);
  const totals = jobTotals(shown, rates);
  return (
    <>
      <div class="page-head">
        <h1>Jobs</h1>
        {canSubmit.value && (
          <a class="button button-primary" href={link.submit()}>
            Submit a job
          </a>
        )}
      </div>
      {error !== null && <ErrorNotice title="The jobs cannot be updated" error={error} />}
      <Card flush>
        <div class="toolbar">
          <Search value={search} onInput={(value) => setQuery("q", value)} label="Search by name, id or state" />
          <div class="segments" role="group" aria-label="State">
            {GROUPS.map(({ id, title }) => (
              <button key={id} type="button" aria-pressed={id === group} onClick={() => setQuery("state", id === "all" ? "" : id)}>
                {title} <span class="segment-count">{found.filter((job) => inGroup(job.state, id)).length}</span>
              </button>
            ))}
          </div>
          <span class="muted toolbar-end">
            {plural(shown.length, "job")}, {plural(totals.subtasks, "subtask")}
            {totals.recordsIn !== null && `, ${rate(totals.recordsIn)} records/s`}
          </span>
        </div>
        {!data && !error && <Loading rows={5} label="Loading the jobs" />}
        {data && shown.length > 0 && <JobTable label="Jobs" jobs={shown} ended rates={isMissing("history") ? undefined : rates} causes={causes} />}
        {data && shown.length === 0 && (
          <Empty icon={data.length === 0 ? "play" : "search"} title={data.length === 0 ? "No job was submitted yet" : "No job matches"}>
            {data.length > 0 ? (
              <button type="button" class="button" onClick={() => (location.hash = link.jobs())}>
                Show all jobs
              </button>
            ) : canSubmit.value ? (
              <>
                <a href={link.submit()}>Upload a program and run it</a>, or use <code>flott run</code>.
              </>
            ) : (
              <>
                Jobs appear here when <code>flott run</code> has submitted them.
              </>
            )}
          </Empty>
        )}
      </Card>
    </>
  );
}
