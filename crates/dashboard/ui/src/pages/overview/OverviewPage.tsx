import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { JobTable } from "../../components/JobTable";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { addToCluster } from "../../lib/cluster";
import { link } from "../../lib/route";
import { isTerminal } from "../../lib/states";
import { canSubmit } from "../../live/config";
import { usePoll } from "../../live/poll";
import { JobsTile } from "./JobsTile";
import { SlotsTile } from "./SlotsTile";
import { ThroughputTile } from "./ThroughputTile";

/** Throughput needs the details of each running job; a poll asks for so many at most. */
const DETAILED_JOBS = 24;
const RECENT = 8;

async function load(signal: AbortSignal) {
  const [overview, jobs] = await Promise.all([api.overview(signal), api.jobs(signal)]);
  const running = jobs.filter((job) => !isTerminal(job.state));
  // A job may be gone between the two calls: its absence must not spoil the page.
  const details = await Promise.allSettled(running.slice(0, DETAILED_JOBS).map((job) => api.job(job.jid, signal)));
  const known = details.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return { overview, jobs, throughput: addToCluster(known, Date.now()), partial: running.length > DETAILED_JOBS };
}

/** The cluster at a glance. */
export function OverviewPage() {
  const { data, error } = usePoll("overview", load);
  if (!data) return error ? <ErrorNotice title="The overview cannot be shown" error={error} /> : <Loading rows={6} label="Loading the overview" />;
  const running = data.jobs.filter((job) => !isTerminal(job.state));
  const ended = data.jobs.filter((job) => isTerminal(job.state)).sort((a, b) => b["end-time"] - a["end-time"]);
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      {error !== null && <ErrorNotice title="The overview could not be updated" error={error} />}
      <div class="tiles">
        <SlotsTile overview={data.overview} />
        <JobsTile overview={data.overview} />
        <ThroughputTile now={data.throughput} partial={data.partial} />
      </div>
      <Card title="Running jobs" flush={running.length > 0}>
        {running.length > 0 ? (
          <JobTable label="Running jobs" jobs={running} ended={false} />
        ) : (
          <Empty icon="play" title="No job is running">
            {canSubmit.value ? <a href={link.submit()}>Submit a job</a> : "Jobs appear here as soon as they are submitted."}
          </Empty>
        )}
      </Card>
      {ended.length > 0 && (
        <Card title="Recently finished" flush actions={<a href={link.jobs()}>All jobs</a>}>
          <JobTable label="Recently finished jobs" jobs={ended.slice(0, RECENT)} ended />
        </Card>
      )}
    </>
  );
}
