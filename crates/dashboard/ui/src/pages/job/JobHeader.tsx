import type { Job } from "../../api/types";
import { CopyButton } from "../../components/CopyButton";
import { Fact } from "../../components/Facts";
import { StateChip } from "../../components/StateChip";
import { TaskBar } from "../../components/TaskBar";
import { Ago, Elapsed, When } from "../../components/Times";
import { bytes, duration } from "../../lib/format";
import { type JobFacts, restartsText } from "../../lib/job-facts";
import { link } from "../../lib/route";
import { JobActions } from "./actions/JobActions";

/** Who the job is, how it is, and what can be done to it. */
export function JobHeader({ job, facts, onChange }: { job: Job; facts: JobFacts; onChange: () => void }) {
  const restarting = job.state === "RESTARTING";
  const since = job.timestamps.RESTARTING ?? 0;
  const { lastCheckpoint, restarts } = facts;
  const origin = job.submission?.savepointPath;
  return (
    <header class="job-head">
      <div class="job-title">
        <h1>{job.name}</h1>
        <StateChip state={job.state} large />
        {restarting && (
          <a class="badge badge-warning" href={link.job(job.jid, "exceptions")}>
            {since > 0 ? (
              <>
                for <Elapsed start={since} end={-1} />
              </>
            ) : (
              restartsText(restarts)
            )}
          </a>
        )}
        <JobActions job={job} onChange={onChange} />
      </div>
      <dl class="facts">
        <Fact name="Job id" wide>
          <code class="id">{job.jid}</code>
          <CopyButton text={job.jid} what="job id" />
        </Fact>
        <Fact name="Type">{job["job-type"]?.toLowerCase()}</Fact>
        <Fact name="Started">
          <When time={job["start-time"]} />
        </Fact>
        {job["end-time"] > 0 && (
          <Fact name="Ended">
            <When time={job["end-time"]} />
          </Fact>
        )}
        <Fact name="Duration">
          <Elapsed start={job["start-time"]} end={job["end-time"]} />
        </Fact>
        <Fact name="Subtasks">
          <TaskBar counts={job["status-counts"]} />
        </Fact>
        {restarts > 0 && (
          <Fact name="Restarts" hint="Restarts of the job, or of parts of it, after failures">
            <a href={link.job(job.jid, "exceptions")}>{restarts}</a>
          </Fact>
        )}
        {lastCheckpoint && (
          <Fact name="Last checkpoint" hint={`${duration(lastCheckpoint.duration)}, ${bytes(lastCheckpoint.size)} written`}>
            <a href={link.job(job.jid, "checkpoints")}>
              <Ago time={lastCheckpoint.time} />
            </a>
            <span class="muted">in {duration(lastCheckpoint.duration)}</span>
          </Fact>
        )}
        {origin && (
          <Fact name="Begun from" wide>
            <code class="id">{origin}</code>
            <CopyButton text={origin} what="path" />
          </Fact>
        )}
      </dl>
    </header>
  );
}
