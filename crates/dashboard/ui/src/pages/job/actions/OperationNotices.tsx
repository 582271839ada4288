import type { Job } from "../../../api/types";
import { Icon } from "../../../components/Icon";
import { Elapsed } from "../../../components/Times";
import { titleOf } from "../../../lib/operation";
import { type UserOperation, dismiss, operations } from "../../../live/operations";
import { SnapshotPath } from "../SnapshotPath";

/** How far the checkpoints, savepoints and stops are that this user asked for, and what came of them. */
export function OperationNotices({ job }: { job: Job }) {
  const own = operations.value.filter((operation) => operation.jobId === job.jid);
  return (
    <div class="operations" role="status" aria-live="polite">
      {own.map((operation) => (
        <OperationNotice key={operation.triggerId} job={job} operation={operation} />
      ))}
    </div>
  );
}

const ICONS = { running: "checkpoint", done: "check", failed: "alert" } as const;

function OperationNotice({ job, operation }: { job: Job; operation: UserOperation }) {
  const { kind, outcome, since, triggerId } = operation;
  return (
    <div class={`operation operation-${outcome.state}`}>
      <Icon name={ICONS[outcome.state]} size={18} />
      <div class="operation-text">
        <p>
          <strong>{titleOf(kind, outcome)}</strong>
          {outcome.state === "running" && (
            <span class="muted" aria-hidden="true">
              <Elapsed start={since} end={-1} />
            </span>
          )}
        </p>
        {outcome.state === "running" && <span class="progress" aria-hidden="true" />}
        {outcome.state === "done" && outcome.path && <SnapshotPath job={job} path={outcome.path} />}
        {outcome.state === "failed" && (
          <>
            <p class="pre">{outcome.head}</p>
            {outcome.detail && <pre>{outcome.detail}</pre>}
          </>
        )}
      </div>
      {outcome.state !== "running" && (
        <button type="button" class="icon-button" onClick={() => dismiss(triggerId)} aria-label="Dismiss" title="Dismiss">
          <Icon name="close" size={14} />
        </button>
      )}
    </div>
  );
}
