import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { Icon } from "../../../components/Icon";
import { DirectoryField, directoryOf } from "./DirectoryField";
import { OperationDialog } from "./OperationDialog";

/** Ends a job with a savepoint from which it can go on. */
export function StopDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const [directory, setDirectory] = useState("");
  const [drain, setDrain] = useState(false);
  return (
    <OperationDialog
      job={job}
      kind="stop"
      title="Stop this job with a savepoint?"
      confirm="Stop job"
      busy="Asking"
      keep="Keep it running"
      danger
      begin={(triggerId) => api.stop(job.jid, triggerId, directoryOf(directory), drain)}
      onClose={onClose}
    >
      <p>
        <strong>{job.name}</strong> writes a savepoint, commits its output and ends. It can go on from the savepoint later. If the savepoint fails,{" "}
        {drain ? "it goes on from its last checkpoint" : "it keeps running"}.
      </p>
      <DirectoryField value={directory} onInput={setDirectory} />
      <label class="check">
        <input type="checkbox" checked={drain} onChange={(event) => setDrain(event.currentTarget.checked)} />
        Drain: end for good
      </label>
      {drain && (
        <p class="warning" role="alert">
          <Icon name="alert" size={16} />
          <span>
            Event time is set to its end first: all windows and timers fire now, with the part of their records that has come. A job that goes on from this savepoint with more
            records gives wrong results.
          </span>
        </p>
      )}
    </OperationDialog>
  );
}
