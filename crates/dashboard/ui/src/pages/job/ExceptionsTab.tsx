import { useState } from "preact/hooks";
import type { Job, JobExceptions } from "../../api/types";
import { Card } from "../../components/Card";
import { CopyButton } from "../../components/CopyButton";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Search } from "../../components/Search";
import { Ago, When } from "../../components/Times";
import { type Failure, type Occurrence, findFailures, sameness } from "../../lib/exceptions";
import { grouped } from "../../lib/format";
import { link } from "../../lib/route";
import type { Polled } from "../../live/poll";
import { FailurePlace } from "./FailurePlace";
import { RestartsCard } from "./RestartsCard";

interface Props {
  job: Job;
  failures: readonly Failure[];
  polled: Polled<JobExceptions>;
  restarts: number;
}

/** Fewer are found by looking. */
const SEARCHED = 3;

/** What went wrong in this job's life, newest first; repeats are one entry with a count. */
export function ExceptionsTab({ job, failures, polled, restarts }: Props) {
  const [search, setSearch] = useState("");
  const shown = findFailures(failures, search);
  if (!polled.data) return polled.error ? <ErrorNotice title="The exceptions cannot be shown" error={polled.error} /> : <Loading label="Loading the exceptions" />;
  if (failures.length === 0) {
    return restarts > 0 ? (
      <RestartsCard job={job} restarts={restarts} />
    ) : (
      <Card>
        <Empty icon="check" title="No exceptions">
          Nothing went wrong in this job.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <RestartsCard job={job} restarts={restarts} />
      {failures.length > SEARCHED && (
        <div class="toolbar-plain">
          <Search value={search} onInput={setSearch} label="Search message, task or host" />
          <span class="muted">
            {shown.length} of {failures.length} different ones
          </span>
        </div>
      )}
      {shown.map((failure, i) => (
        <FailureCard key={sameness(failure)} failure={failure} open={i === 0} older={polled.data?.exceptionHistory.truncated ?? false} />
      ))}
      {polled.data.exceptionHistory.truncated && <p class="muted">Older exceptions are not shown.</p>}
    </>
  );
}

/** `older`: whether there were exceptions before those that are known. */
function FailureCard({ failure, open, older }: { failure: Failure; open: boolean; older: boolean }) {
  const whole = failure.detail ? `${failure.headline}\n${failure.detail}` : failure.headline;
  const repeats = failure.occurrences.length;
  const first = failure.occurrences.at(-1);
  const subtasks = new Set(failure.occurrences.flatMap(({ subtask }) => subtask ?? [])).size;
  return (
    <Card>
      <div class="exception">
        <p class="failure-kicker">
          <Ago time={failure.timestamp} />
          {failure.kind && <span class="badge">{failure.kind.replaceAll("_", " ").toLowerCase()}</span>}
          {repeats > 1 && <span class="badge badge-failed">{repeats} times</span>}
          {subtasks > 1 && <span class="badge">{subtasks} subtasks</span>}
          {repeats > 1 && first && (
            <span>
              {older ? "the first one that is kept" : "first"} <Ago time={first.timestamp} />
            </span>
          )}
          <CopyButton text={whole} what="exception" />
        </p>
        <p class="failure-headline">{failure.headline}</p>
        <FailurePlace failure={failure} />
        {failure.detail && (
          <details open={open}>
            <summary>Details</summary>
            <pre class="trace">{failure.detail}</pre>
          </details>
        )}
        {repeats > 1 && (
          <details>
            <summary>All {grouped(repeats)} times</summary>
            <ol class="occurrences">
              {failure.occurrences.map((occurrence, i) => (
                <OccurrenceLine key={i} occurrence={occurrence} shown={failure.headline} />
              ))}
            </ol>
          </details>
        )}
        {failure.concurrent.length > 0 && (
          <details>
            <summary>{failure.concurrent.length} more at the same time</summary>
            {failure.concurrent.map((other, i) => (
              <div key={i} class="exception exception-concurrent">
                <p class="failure-headline">{other.headline}</p>
                <FailurePlace failure={other} />
                {other.detail && <pre class="trace">{other.detail}</pre>}
              </div>
            ))}
          </details>
        )}
      </div>
    </Card>
  );
}

/** `shown`: the message that stands above all of them. */
function OccurrenceLine({ occurrence, shown }: { occurrence: Occurrence; shown: string }) {
  const { timestamp, headline, subtask, attempt, endpoint, taskManagerId } = occurrence;
  return (
    <li>
      <When time={timestamp} />
      {subtask && <span class="muted">subtask {subtask}</span>}
      {attempt !== null && <span class="muted">attempt {attempt}</span>}
      {endpoint && <span class="muted">on {taskManagerId ? <a href={link.taskManager(taskManagerId, "log")}>{endpoint}</a> : endpoint}</span>}
      {headline !== shown && <span>{headline}</span>}
    </li>
  );
}
