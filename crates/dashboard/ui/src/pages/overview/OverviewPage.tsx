import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { JobTable } from "../../components/JobTable";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Search } from "../../components/Search";
import { addToCluster, clusterThroughput } from "../../lib/cluster";
import { plural, rate } from "../../lib/format";
import { HISTORY_POINTS } from "../../lib/history";
import { findJobs, jobTotals } from "../../lib/job-list";
import { link } from "../../lib/route";
import { isTerminal } from "../../lib/states";
import { canSubmit } from "../../live/config";
import { isMissing } from "../../live/endpoints";
import { useHistory } from "../../live/history";
import { useJobCauses } from "../../live/job-causes";
import { useJobRates } from "../../live/job-rates";
import { usePoll } from "../../live/poll";
import { JobsTile } from "./JobsTile";
import { LoadTile } from "./LoadTile";
import { SlotsTile } from "./SlotsTile";
import { ThroughputTile } from "./ThroughputTile";

/** Without a history of the server, throughput needs the details of each running job; a poll asks for so many at most. */
const DETAILED_JOBS = 24;
/** Polls that fill the line's width then. */
const POLLS_SHOWN = 90;
const RECENT = 8;
/** Fewer jobs are found by looking. */
const SEARCHED = 6;

async function load(signal: AbortSignal) {
  const [overview, jobs] = await Promise.all([api.overview(signal), api.jobs(signal)]);
  if (!isMissing("history")) return { overview, jobs, measured: null };
  const running = jobs.filter((job) => !isTerminal(job.state));
  // A job may be gone between the two calls: its absence must not spoil the page.
  const details = await Promise.allSettled(running.slice(0, DETAILED_JOBS).map((job) => api.job(job.jid, signal)));
  const known = details.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return { overview, jobs, measured: { now: addToCluster(known, Date.now()), partial: running.length > DETAILED_JOBS } };
}

/** The cluster at a glance. */
export function OverviewPage() {
  const { data, error } = usePoll("overview", load);
  const { store } = useHistory("cluster", api.clusterHistory);
  const [search, setSearch] = useState("");
  const jobs = findJobs(data?.jobs ?? [], search);
  const running = jobs.filter((job) => !isTerminal(job.state));
  const rates = useJobRates(running);
  const ended = jobs.filter((job) => isTerminal(job.state)).sort((a, b) => b["end-time"] - a["end-time"]);
  const totals = jobTotals(running, rates);
  const recent = ended.slice(0, RECENT);
  const causes = useJobCauses([...running, ...recent], rates);
  if (!data) return error ? <ErrorNotice title="The overview cannot be shown" error={error} /> : <Loading rows={6} label="Loading the overview" />;
  const out = store?.newest("numRecordsOutPerSecond");
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      {error !== null && <ErrorNotice title="The overview could not be updated" error={error} />}
      <div class="tiles">
        <SlotsTile overview={data.overview} />
        <JobsTile overview={data.overview} />
        {data.measured ? (
          <ThroughputTile
            now={data.measured.now}
            values={clusterThroughput.lines[0] ?? []}
            width={POLLS_SHOWN}
            hint="Records that all subtasks emit (numRecordsOut), measured by this page"
            foot={data.measured.partial ? "of the newest running jobs" : undefined}
          />
        ) : (
          <ThroughputTile
            now={store?.newest("numRecordsInPerSecond") ?? null}
            values={store?.line("numRecordsInPerSecond") ?? []}
            width={HISTORY_POINTS}
            hint="Records that the sources of all jobs read, and its course over the last hour"
            unit="records/s in"
            foot={out != null ? `${rate(out)} records/s out` : undefined}
          />
        )}
        {store && <LoadTile store={store} />}
      </div>
      <Card
        title="Running jobs"
        flush={running.length > 0}
        actions={
          <>
            {running.length > 0 && (
              <span class="muted">
                {plural(running.length, "job")}, {plural(totals.subtasks, "subtask")}
                {totals.recordsIn !== null && `, ${rate(totals.recordsIn)} records/s`}
              </span>
            )}
            {(data.jobs.length > SEARCHED || search !== "") && <Search value={search} onInput={setSearch} label="Search jobs" />}
          </>
        }
      >
        {running.length > 0 ? (
          <JobTable label="Running jobs" jobs={running} ended={false} rates={isMissing("history") ? undefined : rates} causes={causes} />
        ) : search.trim() !== "" ? (
          <Empty icon="search" title="No running job matches" />
        ) : (
          <Empty icon="play" title="No job is running">
            {canSubmit.value ? <a href={link.submit()}>Submit a job</a> : "Jobs appear here as soon as they are submitted."}
          </Empty>
        )}
      </Card>
      {ended.length > 0 && (
        <Card title="Recently ended" flush actions={<a href={link.jobs()}>All jobs</a>}>
          <JobTable label="Recently ended jobs" jobs={recent} ended causes={causes} />
        </Card>
      )}
    </>
  );
}
