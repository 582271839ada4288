import type { ComponentChildren } from "preact";
import type { Checkpoint, Checkpoints } from "../../../api/checkpoint-types";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Ago } from "../../../components/Times";
import { endOf, failureOf, kindOf } from "../../../lib/checkpoints";
import { grouped } from "../../../lib/format";
import { SnapshotPath } from "../SnapshotPath";
import { Ms, Size } from "./parts";

/** How many there were, and the last of each kind. */
export function OverviewCard({ job, checkpoints, periodic }: { job: Job; checkpoints: Checkpoints; periodic: boolean }) {
  const { counts, latest } = checkpoints;
  return (
    <Card title="Overview" actions={!periodic && <span class="badge">none are taken by themselves</span>}>
      <ul class="figures" aria-label="Numbers of checkpoints">
        <Figure name="triggered" value={counts.total} />
        <Figure name="in progress" value={counts.in_progress} tone={counts.in_progress > 0 ? "text-pending" : ""} />
        <Figure name="completed" value={counts.completed} tone={counts.completed > 0 ? "text-finished" : ""} />
        <Figure name="failed" value={counts.failed} tone={counts.failed > 0 ? "text-failed" : ""} />
        <Figure name="restored" value={counts.restored} tone={counts.restored > 0 ? "text-warning" : ""} />
      </ul>
      <div class="latest">
        <Latest title="Latest completed" none="none yet">
          {latest.completed && <Completed job={job} checkpoint={latest.completed} />}
        </Latest>
        <Latest title="Latest failed" none="none">
          {latest.failed && <Failed checkpoint={latest.failed} />}
        </Latest>
        <Latest title="Latest savepoint" none="none">
          {latest.savepoint && <Completed job={job} checkpoint={latest.savepoint} />}
        </Latest>
        <Latest title="Latest restored" none="never">
          {latest.restored && (
            <>
              <p>
                <strong>#{grouped(latest.restored.id)}</strong> <Ago time={latest.restored.restore_timestamp} />
                {latest.restored.is_savepoint && <span class="badge">savepoint</span>}
              </p>
              {latest.restored.external_path && (
                <SnapshotPath job={job} path={latest.restored.external_path} discarded={isDiscarded(checkpoints, latest.restored.external_path)} runnable={latest.restored.is_savepoint} />
              )}
            </>
          )}
        </Latest>
      </div>
    </Card>
  );
}

/** Whether the files of a checkpoint are known to be gone. */
function isDiscarded({ history, latest }: Checkpoints, path: string): boolean {
  return [...history, ...(latest.completed ? [latest.completed] : [])].some((checkpoint) => checkpoint.external_path === path && checkpoint.discarded === true);
}

function Figure({ name, value, tone = "" }: { name: string; value: number; tone?: string }) {
  return (
    <li>
      <span class={`figure-value ${tone}`}>{grouped(value)}</span>
      <span class="figure-name">{name}</span>
    </li>
  );
}

function Latest({ title, none, children }: { title: string; none: string; children: ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      {children ?? <p class="muted">{none}</p>}
    </section>
  );
}

function Completed({ job, checkpoint }: { job: Job; checkpoint: Checkpoint }) {
  return (
    <>
      <p>
        <strong>#{grouped(checkpoint.id)}</strong> <Ago time={endOf(checkpoint) ?? 0} />
        <span class="muted">
          in <Ms value={checkpoint.end_to_end_duration} />
        </span>
        {kindOf(checkpoint) !== "checkpoint" && kindOf(checkpoint) !== "savepoint" && <span class="badge">{kindOf(checkpoint)}</span>}
      </p>
      <p class="muted">
        <Size value={checkpoint.state_size} />, <Size value={checkpoint.checkpointed_size} /> written
      </p>
      {checkpoint.external_path && <SnapshotPath job={job} path={checkpoint.external_path} discarded={checkpoint.discarded ?? false} />}
    </>
  );
}

function Failed({ checkpoint }: { checkpoint: Checkpoint }) {
  return (
    <>
      <p>
        <strong>#{grouped(checkpoint.id)}</strong> <Ago time={endOf(checkpoint) ?? 0} />
        <span class="muted">
          after <Ms value={checkpoint.end_to_end_duration} />
        </span>
        {kindOf(checkpoint) !== "checkpoint" && <span class="badge">{kindOf(checkpoint)}</span>}
      </p>
      <p class="text-failed">{failureOf(checkpoint.failure_message).head}</p>
    </>
  );
}
