import { useState } from "preact/hooks";
import type { Job } from "../../../api/types";
import { isTerminal } from "../../../lib/states";
import { canCancel } from "../../../live/config";
import { CancelDialog } from "../CancelDialog";
import { CheckpointDialog } from "./CheckpointDialog";
import { SavepointDialog } from "./SavepointDialog";
import { StopDialog } from "./StopDialog";

type Action = "checkpoint" | "savepoint" | "stop" | "cancel";

/** What can be done to a job; each asks before it does anything. */
export function JobActions({ job, onChange }: { job: Job; onChange: () => void }) {
  const [asking, setAsking] = useState<Action | null>(null);
  const close = () => setAsking(null);
  const canceling = job.state === "CANCELLING";
  const running = job.state === "RUNNING";
  const when = running ? undefined : "Possible while the job is running";
  // A dialog that is open closes by the user alone: what it is about may end meanwhile, and then it says so.
  if (isTerminal(job.state) && asking === null) return null;
  return (
    <div class="job-actions" role="group" aria-label="Actions">
      {job["job-type"] !== "BATCH" && (
        <>
          <button type="button" class="button" disabled={!running} title={when} onClick={() => setAsking("checkpoint")}>
            Checkpoint
          </button>
          <button type="button" class="button" disabled={!running} title={when} onClick={() => setAsking("savepoint")}>
            Savepoint
          </button>
          {canCancel.value && (
            <button type="button" class="button" disabled={!running} title={when} onClick={() => setAsking("stop")}>
              Stop
            </button>
          )}
        </>
      )}
      {canCancel.value && (
        <button type="button" class="button button-danger" disabled={canceling} onClick={() => setAsking("cancel")}>
          {canceling ? "Canceling" : "Cancel job"}
        </button>
      )}
      {asking === "checkpoint" && <CheckpointDialog job={job} onClose={close} />}
      {asking === "savepoint" && <SavepointDialog job={job} onClose={close} />}
      {asking === "stop" && <StopDialog job={job} onClose={close} />}
      {asking === "cancel" && (
        <CancelDialog
          job={job}
          onClose={close}
          onDone={() => {
            close();
            onChange();
          }}
        />
      )}
    </div>
  );
}
