import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
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
          <Fact name="Restart strategy" value={execution?.["restart-strategy"]} />
          <Fact name="Parallelism" value={execution?.["job-parallelism"]} />
          <Fact name="Max parallelism" value={job.maxParallelism > 0 ? job.maxParallelism : "not set"} />
          <Fact name="Scheduler" value={job.schedulerType} />
          <Fact name="Type" value={job["job-type"]?.toLowerCase()} />
        </dl>
      </Card>
      <Card title="User configuration" flush={user.length > 0}>
        <KeyValues label="User configuration" entries={user} empty="The job sets no configuration of its own" />
      </Card>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string | number | undefined }) {
  if (value === undefined || value === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
