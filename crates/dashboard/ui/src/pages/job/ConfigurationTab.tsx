import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { joinArguments } from "../../lib/arguments";
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
      {job.submission && <SubmissionCard submission={job.submission} />}
      <Card title="User configuration" flush={user.length > 0}>
        <KeyValues label="User configuration" entries={user} empty="The job has no keys of its own" hint="What Flott knows of, such as checkpoints and restarts, is shown with its effect, here and on the other pages." />
      </Card>
    </>
  );
}

/** How it was started: what one needs to start it again elsewhere. */
function SubmissionCard({ submission }: { submission: NonNullable<Job["submission"]> }) {
  const { jarId, entryClass, programArgsList, parallelism, savepointPath } = submission;
  const line = joinArguments(programArgsList);
  return (
    <Card title="Submission">
      <dl class="facts">
        {jarId && <Fact name="Artifact">{jarId.replace(/^[0-9a-f-]{36}_/, "")}</Fact>}
        {entryClass && <Fact name="Entry">{entryClass}</Fact>}
        <Fact name="Parallelism">{parallelism > 0 ? parallelism : "default"}</Fact>
        <Fact name="Begun from">{savepointPath ?? "nothing"}</Fact>
        <Fact name="Arguments" wide>
          {line === "" ? (
            "none"
          ) : (
            <>
              <code class="id">{line}</code>
              <CopyButton text={line} what="arguments" />
            </>
          )}
        </Fact>
      </dl>
    </Card>
  );
}
