import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/Notice";

/** Asks before a job is canceled: that cannot be taken back. */
export function CancelDialog({ job, onClose, onDone }: { job: Job; onClose: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const cancel = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.cancel(job.jid);
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Cancel this job?"
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Keep it running
          </button>
          <button type="button" class="button button-danger-solid" disabled={busy} onClick={() => void cancel()}>
            {busy ? "Canceling" : "Cancel job"}
          </button>
        </>
      }
    >
      <p>
        <strong>{job.name}</strong> stops at once, without a savepoint. To go on with it later, stop it with a savepoint instead.
      </p>
      {error !== null && <ErrorNotice title="The job was not canceled" error={error} />}
    </Dialog>
  );
}
