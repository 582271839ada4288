import type { JobExceptions } from "../../api/types";
import { Card } from "../../components/Card";
import { CopyButton } from "../../components/CopyButton";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Ago } from "../../components/Times";
import { exactTime } from "../../lib/format";
import type { Failure } from "../../lib/exceptions";
import type { Polled } from "../../live/poll";
import { FailurePlace } from "./FailurePlace";

/** What went wrong in this job's life, newest first; repeats are one entry with a count. */
export function ExceptionsTab({ failures, polled }: { failures: readonly Failure[]; polled: Polled<JobExceptions> }) {
  if (!polled.data) return polled.error ? <ErrorNotice title="The exceptions cannot be shown" error={polled.error} /> : <Loading label="Loading the exceptions" />;
  if (failures.length === 0) {
    return (
      <Card>
        <Empty icon="check" title="No exceptions">
          Nothing went wrong in this job.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {failures.map((failure, i) => (
        <FailureCard key={`${failure.headline}${failure.task}`} failure={failure} open={i === 0} />
      ))}
      {polled.data.exceptionHistory.truncated && <p class="muted">Older exceptions are not shown.</p>}
    </>
  );
}

function FailureCard({ failure, open }: { failure: Failure; open: boolean }) {
  const whole = failure.detail ? `${failure.headline}\n${failure.detail}` : failure.headline;
  const repeats = failure.occurrences.length;
  return (
    <Card>
      <div class="exception">
        <p class="failure-kicker">
          <Ago time={failure.timestamp} />
          {repeats > 1 && (
            <span class="badge badge-failed" title={failure.occurrences.map(exactTime).join("\n")}>
              {repeats} times
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
