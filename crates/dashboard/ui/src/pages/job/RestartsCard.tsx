import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { Fact } from "../../components/Facts";
import { StateChip } from "../../components/StateChip";
import { Ago } from "../../components/Times";
import { grouped } from "../../lib/format";
import { isSettled } from "../../lib/states";
import { usePoll } from "../../live/poll";

/** What the job did about its failures. */
export function RestartsCard({ job, restarts }: { job: Job; restarts: number }) {
  const settled = isSettled(job);
  const config = usePoll(`job-config/${job.jid}`, (signal) => api.jobConfig(job.jid, signal), { until: () => true });
  const checkpoints = usePoll(`checkpoints/${job.jid}`, (signal) => api.checkpoints(job.jid, signal), { until: () => settled });
  const restored = checkpoints.data?.latest.restored;
  return (
    <Card>
      <dl class="facts">
        <Fact name="Restarts">
          <strong>{grouped(restarts)}</strong>
        </Fact>
        <Fact name="Now">
          <StateChip state={job.state} />
        </Fact>
        <Fact name="Strategy">{config.data?.["execution-config"]?.["restart-strategy"]}</Fact>
        {restarts > 0 && (
          <Fact name="Went on from">
            {restored ? (
              <>
                {restored.is_savepoint ? "savepoint" : "checkpoint"} #{grouped(restored.id)}{" "}
                <span class="muted">
                  <Ago time={restored.restore_timestamp} />
                </span>
              </>
            ) : (
              checkpoints.data && "the beginning"
            )}
          </Fact>
        )}
      </dl>
    </Card>
  );
}
