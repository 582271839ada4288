import { useState } from "preact/hooks";
import type { Job } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { StateChip } from "../../components/StateChip";
import { TaskBar } from "../../components/TaskBar";
import { Elapsed, When } from "../../components/Times";
import { isTerminal } from "../../lib/states";
import { canCancel } from "../../live/config";
import { CancelDialog } from "./CancelDialog";

/** Who the job is, how it is, and the one thing that can be done to it. */
export function JobHeader({ job, onChange }: { job: Job; onChange: () => void }) {
  const [asking, setAsking] = useState(false);
  const ended = isTerminal(job.state);
  return (
    <header class="job-head">
      <div class="job-title">
        <h1>{job.name}</h1>
        <StateChip state={job.state} large />
        {!ended && canCancel.value && (
          <button type="button" class="button button-danger" disabled={job.state === "CANCELLING"} onClick={() => setAsking(true)}>
            {job.state === "CANCELLING" ? "Canceling" : "Cancel job"}
          </button>
        )}
      </div>
      <dl class="facts">
        <div class="fact-wide">
          <dt>Job id</dt>
          <dd>
            <code class="id">{job.jid}</code>
            <CopyButton text={job.jid} what="job id" />
          </dd>
        </div>
        {job["job-type"] && (
          <div>
            <dt>Type</dt>
            <dd>{job["job-type"].toLowerCase()}</dd>
          </div>
        )}
        <div>
          <dt>Started</dt>
          <dd>
            <When time={job["start-time"]} />
          </dd>
        </div>
        {job["end-time"] > 0 && (
          <div>
            <dt>Ended</dt>
            <dd>
              <When time={job["end-time"]} />
            </dd>
          </div>
        )}
        <div>
          <dt>Duration</dt>
          <dd>
            <Elapsed start={job["start-time"]} end={job["end-time"]} />
          </dd>
        </div>
        <div>
          <dt>Subtasks</dt>
          <dd>
            <TaskBar counts={job["status-counts"]} />
          </dd>
        </div>
      </dl>
      {asking && (
        <CancelDialog
          job={job}
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false);
            onChange();
          }}
        />
      )}
    </header>
  );
}
