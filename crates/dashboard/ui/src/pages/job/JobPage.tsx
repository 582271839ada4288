import { useEffect } from "preact/hooks";
import { api } from "../../api/client";
import { ApiError } from "../../api/errors";
import type { Job } from "../../api/types";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Tabs } from "../../components/Tabs";
import { groupFailures } from "../../lib/exceptions";
import { FACT_METRICS, jobFacts } from "../../lib/job-facts";
import { type JobTab, link } from "../../lib/route";
import { isSettled } from "../../lib/states";
import { historyOf } from "../../lib/throughput";
import { isMissing } from "../../live/endpoints";
import { type Polled, usePoll } from "../../live/poll";
import { ConfigurationTab } from "./ConfigurationTab";
import { OperationNotices } from "./actions/OperationNotices";
import { RescaleNotice } from "./actions/RescaleNotice";
import { CheckpointsTab } from "./checkpoints/CheckpointsTab";
import { ExceptionsTab } from "./ExceptionsTab";
import { FailureBanner } from "./FailureBanner";
import { GraphTab } from "./GraphTab";
import { JobHeader } from "./JobHeader";
import { LogsTab } from "./LogsTab";
import { MetricsTab } from "./metrics/MetricsTab";
import { TimelineTab } from "./TimelineTab";

const EXCEPTIONS = 50;
/** A job that runs again still shows why it did not: in a loop of restarts nothing is to come and go. */
const RECENTLY_MS = 120_000;

/** Polls a job into its history until nothing changes any more. */
function useJob(id: string): Polled<Job> {
  return usePoll(
    `job/${id}`,
    async (signal) => {
      const job = await api.job(id, signal);
      historyOf(id).add(job);
      return job;
    },
    { until: isSettled },
  );
}

/** One job: header, root cause if it failed, and its parts. */
export function JobPage({ id, tab, vertex }: { id: string; tab: JobTab; vertex: string | null }) {
  const { data: job, error, refresh } = useJob(id);
  const exceptions = usePoll(`exceptions/${id}`, (signal) => api.exceptions(id, EXCEPTIONS, signal), {
    until: () => job !== null && isSettled(job),
    enabled: job !== null || error === null, // of a job that is not there nothing is asked
  });
  // A server that does not know them is no reason to show nothing.
  const metrics = usePoll(`facts/${id}`, (signal) => api.jobMetrics(id, FACT_METRICS, signal), {
    until: () => job !== null && isSettled(job),
    enabled: job !== null || error === null,
  });
  useEffect(() => {
    if (job) document.title = `${job.state} · ${job.name} · Flott`;
  }, [job?.state, job?.name]);

  // What the header and the root cause are made of comes with the job, so that nothing below jumps.
  const known = exceptions.data !== null || exceptions.error !== null;
  const factual = metrics.data !== null || metrics.error !== null;
  if (!job || !known || !factual) {
    if (error instanceof ApiError && error.status === 404) {
      return (
        <Empty icon="search" title="This job is not known here">
          The JobManager keeps a limited number of ended jobs. <a href={link.jobs()}>See all jobs</a>
        </Empty>
      );
    }
    return error ? <ErrorNotice title="The job cannot be shown" error={error} /> : <Loading rows={8} label="Loading the job" />;
  }
  const failures = groupFailures(exceptions.data?.exceptionHistory.entries ?? []);
  const newest = failures[0];
  const count = failures.reduce((sum, failure) => sum + failure.occurrences.length, 0);
  const facts = jobFacts(metrics.data ?? []);
  const troubled = job.state === "FAILED" || job.state === "FAILING" || job.state === "RESTARTING" || (job.state === "RUNNING" && newest !== undefined && job.now - newest.timestamp < RECENTLY_MS);
  return (
    <>
      <JobHeader job={job} facts={facts} onChange={refresh} />
      <OperationNotices job={job} />
      <RescaleNotice job={job} />
      {error !== null && <ErrorNotice title="The job could not be updated" error={error} />}
      {troubled && newest && tab !== "exceptions" && <FailureBanner job={job} failure={newest} total={count} restarts={facts.restarts} />}
      <Tabs
        label="Parts of the job"
        current={tab}
        tabs={[
          { id: "graph", title: "Graph", href: link.job(id, "graph", vertex) },
          { id: "metrics", title: "Metrics", href: link.job(id, "metrics") },
          { id: "timeline", title: "Timeline", href: link.job(id, "timeline") },
          { id: "checkpoints", title: "Checkpoints", href: link.job(id, "checkpoints") },
          { id: "exceptions", title: <>Exceptions {count > 0 && <span class="badge badge-failed">{count}</span>}</>, href: link.job(id, "exceptions") },
          ...(isMissing("job-logs") ? [] : [{ id: "logs", title: "Logs", href: link.job(id, "logs") }]),
          { id: "configuration", title: "Configuration", href: link.job(id, "configuration") },
        ]}
      />
      {tab === "graph" && <GraphTab job={job} selected={vertex} />}
      {tab === "metrics" && <MetricsTab job={job} />}
      {tab === "timeline" && <TimelineTab job={job} failures={failures} />}
      {tab === "checkpoints" && <CheckpointsTab job={job} />}
      {tab === "exceptions" && <ExceptionsTab job={job} failures={failures} polled={exceptions} restarts={facts.restarts} />}
      {tab === "logs" && <LogsTab job={job} />}
      {tab === "configuration" && <ConfigurationTab job={job} />}
    </>
  );
}
