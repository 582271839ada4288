import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { Fact } from "../../components/Facts";
import { KeyValues } from "../../components/KeyValues";
import { ErrorNotice, Loading } from "../../components/Notice";
import { bytes } from "../../lib/format";
import { config } from "../../live/config";
import { usePoll } from "../../live/poll";

/** What the JobManager's process is, how it was started, and on what it runs. */
export function EnvironmentTab() {
  const { data, error } = usePoll("jobmanager-environment", api.environment, { every: 10_000 });
  if (!data) return error ? <ErrorNotice title="The environment cannot be shown" error={error} /> : <Loading label="Loading the environment" />;
  const { jvm, process } = data;
  const options = jvm?.options ?? [];
  const revision = config.value?.["flink-revision"] ?? "";
  const code = (text: string | undefined) => text && <code class="value">{text}</code>;
  return (
    <>
      <Card title="Program">
        <dl class="facts">
          <Fact name="Version">{jvm?.version || "unknown"}</Fact>
          {!revision.startsWith("<unknown>") && <Fact name="Revision">{revision}</Fact>}
          <Fact name="Process">{process?.id}</Fact>
          <Fact name="File" wide>
            {code(process?.executable)}
          </Fact>
          <Fact name="Started with" wide>
            {code(options.join(" "))}
          </Fact>
          <Fact name="Working directory" wide>
            {code(process?.workingDirectory)}
          </Fact>
        </dl>
      </Card>
      <Card title="Machine">
        <dl class="facts">
          <Fact name="Host">{process?.host}</Fact>
          <Fact name="Architecture">{jvm?.arch || "unknown"}</Fact>
          <Fact name="Kernel">{process?.kernel}</Fact>
          <Fact name="Cores">{process?.cores || undefined}</Fact>
          <Fact name="Memory">{process?.memory ? bytes(process.memory) : undefined}</Fact>
        </dl>
      </Card>
      <Card title="Environment variables" flush>
        <KeyValues label="Environment variables" entries={process?.variables ?? []} empty="No variable of Flott's is set" />
      </Card>
    </>
  );
}
