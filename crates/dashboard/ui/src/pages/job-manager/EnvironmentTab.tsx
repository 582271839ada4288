import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { ErrorNotice, Loading } from "../../components/Notice";
import { config } from "../../live/config";
import { usePoll } from "../../live/poll";

/** What the JobManager's process is and how it was started. */
export function EnvironmentTab() {
  const { data, error } = usePoll("jobmanager-environment", api.environment, { every: 10_000 });
  if (!data) return error ? <ErrorNotice title="The environment cannot be shown" error={error} /> : <Loading label="Loading the environment" />;
  const options = data.jvm?.options ?? [];
  return (
    <Card>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>{data.jvm?.version || "unknown"}</dd>
        </div>
        <div>
          <dt>Architecture</dt>
          <dd>{data.jvm?.arch || "unknown"}</dd>
        </div>
        {config.value && (
          <div>
            <dt>Revision</dt>
            <dd>{config.value["flink-revision"]}</dd>
          </div>
        )}
        {options.length > 0 && (
          <div class="fact-wide">
            <dt>Started with</dt>
            <dd>
              <code class="value">{options.join(" ")}</code>
            </dd>
          </div>
        )}
      </dl>
    </Card>
  );
}
