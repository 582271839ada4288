import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { DirectoryField, directoryOf } from "./DirectoryField";
import { OperationDialog } from "./OperationDialog";

/** Takes a savepoint; the job goes on. */
export function SavepointDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const [directory, setDirectory] = useState("");
  return (
    <OperationDialog
      job={job}
      kind="savepoint"
      title="Take a savepoint?"
      confirm="Take savepoint"
      busy="Asking"
      keep="Not now"
      begin={(triggerId) => api.takeSavepoint(job.jid, triggerId, directoryOf(directory))}
      onClose={onClose}
    >
      <p>
        The state of <strong>{job.name}</strong> is written to a directory of its own, which is yours: no job deletes it. The job goes on.
      </p>
      <DirectoryField value={directory} onInput={setDirectory} />
    </OperationDialog>
  );
}
