import type { CheckpointConfig } from "../../../api/checkpoint-types";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Empty } from "../../../components/Notice";
import { isPeriodic } from "../../../lib/checkpoints";
import { roundDuration } from "../../../lib/format";
import { isTerminal } from "../../../lib/states";

/** Why there is none, and how to have some. */
export function NoCheckpoints({ job, settings }: { job: Job; settings: CheckpointConfig | null }) {
  if (settings === null || isPeriodic(settings)) {
    return (
      <Card>
        <Empty icon="checkpoint" title={isTerminal(job.state) ? "The job took no checkpoint" : "No checkpoint yet"}>
          {settings && (isTerminal(job.state) ? `One was due each ${roundDuration(settings.interval)}.` : `One is due each ${roundDuration(settings.interval)}.`)}
        </Empty>
      </Card>
    );
  }
  return (
    <Card>
      <Empty icon="checkpoint" title="Checkpoints are off for this job">
        {job["job-type"] === "BATCH" ? (
          "A batch job takes none: after a failure its parts run again."
        ) : (
          <>
            Without them nothing is kept over a failure. Switch them on in the program with <code>env.enable_checkpointing(Duration::from_secs(10))</code>, or for all jobs in the cluster's configuration
            with <code>execution.checkpointing.interval: 10 s</code>.{!isTerminal(job.state) && " A savepoint can be taken at any time."}
          </>
        )}
      </Empty>
    </Card>
  );
}
