import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Job } from "../../../api/types";
import { Dialog } from "../../../components/Dialog";
import { ErrorNotice } from "../../../components/Notice";
import { type OperationKind, newTriggerId } from "../../../lib/operation";
import { serverNow } from "../../../live/connection";
import { follow } from "../../../live/operations";

interface Props {
  job: Job;
  kind: OperationKind;
  title: string;
  /** What the button says that does it, and while it is being asked for. */
  confirm: string;
  busy: string;
  /** What the button says that does not. */
  keep: string;
  danger?: boolean;
  begin: (triggerId: string) => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

/** Asks before something is begun that takes its time; how it goes on is shown on the job's page. */
export function OperationDialog({ job, kind, title, confirm, busy: busyText, keep, danger = false, begin, onClose, children }: Props) {
  // One id for all tries: if an answer was lost on its way, asking again begins nothing twice.
  const triggerId = useRef<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    setBusy(true);
    setError(null);
    triggerId.current ??= newTriggerId();
    const since = serverNow();
    try {
      await begin(triggerId.current);
      follow(job.jid, kind, triggerId.current, since);
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            {keep}
          </button>
          <button type="button" class={`button ${danger ? "button-danger-solid" : "button-primary"}`} disabled={busy} onClick={() => void act()}>
            {busy ? busyText : confirm}
          </button>
        </>
      }
    >
      {children}
      {error !== null && <ErrorNotice title="It was not begun" error={error} />}
    </Dialog>
  );
}
