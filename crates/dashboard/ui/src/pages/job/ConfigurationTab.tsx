import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { Fact } from "../../components/Facts";
import { KeyValues } from "../../components/KeyValues";
import { ErrorNotice, Loading } from "../../components/Notice";
import { usePoll } from "../../live/poll";

/** How the job was set up. It does not change while the job lives. */
export function ConfigurationTab({ job }: { job: Job }) {
  const { data, error } = usePoll(`job-config/${job.jid}`, (signal) => api.jobConfig(job.jid, signal), { until: () => true });
  if (!data) return error ? <ErrorNotice title="The configuration cannot be shown" error={error} /> : <Loading label="Loading the configuration" />;
  const execution = data["execution-config"];
  const user = Object.entries(execution?.["user-config"] ?? {}).map(([key, value]) => ({ key, value: String(value) }));
  return (
    <>
      <Card title="Execution">
        <dl class="facts">
          <Fact name="Restart strategy">{execution?.["restart-strategy"]}</Fact>
          <Fact name="Parallelism">{execution?.["job-parallelism"]}</Fact>
          <Fact name="Max parallelism">{job.maxParallelism > 0 ? job.maxParallelism : "not set"}</Fact>
          <Fact name="Scheduler">{job.schedulerType}</Fact>
          <Fact name="Type">{job["job-type"]?.toLowerCase()}</Fact>
        </dl>
      </Card>
      <Card title="User configuration" flush={user.length > 0}>
        <KeyValues label="User configuration" entries={user} empty="The job sets no configuration of its own" />
      </Card>
    </>
  );
}
