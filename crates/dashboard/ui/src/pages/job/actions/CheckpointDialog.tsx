import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { OperationDialog } from "./OperationDialog";

/** Takes a checkpoint now. */
export function CheckpointDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const [full, setFull] = useState(false);
  return (
    <OperationDialog
      job={job}
      kind="checkpoint"
      title="Take a checkpoint now?"
      confirm="Take checkpoint"
      busy="Asking"
      keep="Not now"
      begin={(triggerId) => api.takeCheckpoint(job.jid, triggerId, full ? "FULL" : "CONFIGURED")}
      onClose={onClose}
    >
      <p>
        The job goes on. The checkpoint belongs to it like those that it takes by itself, and is deleted like them. For one that stays, take a savepoint.
      </p>
      <label class="check">
        <input type="checkbox" checked={full} onChange={(event) => setFull(event.currentTarget.checked)} />
        Full: write all state, also what earlier checkpoints have
      </label>
    </OperationDialog>
  );
}
