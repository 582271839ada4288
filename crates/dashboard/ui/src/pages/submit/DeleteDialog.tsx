import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Artifact } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/Notice";

/** Asks before an artifact is deleted. */
export function DeleteDialog({ artifact, onClose, onDone }: { artifact: Artifact; onClose: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const remove = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.deleteArtifact(artifact.id);
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Delete this artifact?"
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Keep it
          </button>
          <button type="button" class="button button-danger-solid" disabled={busy} onClick={() => void remove()}>
            {busy ? "Deleting" : "Delete"}
          </button>
        </>
      }
    >
      <p>
        <strong>{artifact.name}</strong> has to be uploaded again to be run again. Running jobs are not touched.
      </p>
      {error !== null && <ErrorNotice title="The artifact was not deleted" error={error} />}
    </Dialog>
  );
}
