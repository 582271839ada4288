import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { Icon } from "../../../components/Icon";
import { joinArguments } from "../../../lib/arguments";
import { link } from "../../../lib/route";
import { isTerminal } from "../../../lib/states";
import { canCancel, canRescale, canSubmit } from "../../../live/config";
import { serverNow } from "../../../live/connection";
import { optional } from "../../../live/endpoints";
import { usePoll } from "../../../live/poll";
import { rescaleAsked } from "../../../live/rescales";
import { CancelDialog } from "../CancelDialog";
import { CheckpointDialog } from "./CheckpointDialog";
import { RescaleDialog } from "./RescaleDialog";
import { SavepointDialog } from "./SavepointDialog";
import { StopDialog } from "./StopDialog";

type Action = "checkpoint" | "savepoint" | "rescale" | "stop" | "cancel";

const REQUIREMENTS_EVERY_MS = 10_000;

/** What can be done to a job; each asks before it does anything. */
export function JobActions({ job, onChange }: { job: Job; onChange: () => void }) {
  const [asking, setAsking] = useState<Action | null>(null);
  const close = () => setAsking(null);
  const done = () => {
    close();
    onChange();
  };
  const rescaled = () => {
    rescaleAsked(job.jid, serverNow());
    done();
  };
  const canceling = job.state === "CANCELLING";
  const running = job.state === "RUNNING";
  const when = running ? undefined : "Possible while the job is running";
  const ended = isTerminal(job.state);
  // A server that cannot rescale this job refuses to tell its requirements.
  const requirements = usePoll(
    `requirements/${job.jid}`,
    (signal) =>
      optional("rescale", () => api.requirements(job.jid, signal)).then(
        (known) => ({ known }),
        () => ({ known: null }),
      ),
    { enabled: running && job["job-type"] !== "BATCH" && canRescale.value, every: REQUIREMENTS_EVERY_MS, until: ({ known }) => known === null },
  );
  const known = requirements.data?.known ?? null;
  // A dialog that is open closes by the user alone: what it is about may end meanwhile, and then it says so.
  if (ended && asking === null) return <RunAgain job={job} />;
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
          {/* Has its place until the server says that it cannot: buttons must not move below the hand. */}
          {canRescale.value && (requirements.data === null || known !== null) && (
            <button type="button" class="button" disabled={!running || known === null} title={when} onClick={() => setAsking("rescale")}>
              Rescale
            </button>
          )}
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
      {asking === "rescale" && known && <RescaleDialog job={job} requirements={known} onClose={close} onDone={rescaled} />}
      {asking === "stop" && <StopDialog job={job} onClose={close} />}
      {asking === "cancel" && <CancelDialog job={job} onClose={close} onDone={done} />}
    </div>
  );
}

/** The way to the form that starts an ended job once more, filled in as it was started. */
function RunAgain({ job }: { job: Job }) {
  const { submission } = job;
  if (!submission?.jarId || !canSubmit.value) return null;
  const { jarId, entryClass, programArgsList, parallelism, savepointPath } = submission;
  return (
    <div class="job-actions">
      <a
        class="button"
        title="Opens the form that runs this job's program, filled in as it was started"
        href={link.submit({ artifact: jarId, entry: entryClass ?? "", args: joinArguments(programArgsList), parallelism: String(parallelism), savepoint: savepointPath ?? "" })}
      >
        <Icon name="play" size={13} /> Run again
      </a>
    </div>
  );
}
