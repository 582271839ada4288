import type { Job } from "../../api/types";
import { Icon } from "../../components/Icon";
import { Ago } from "../../components/Times";
import type { Failure } from "../../lib/exceptions";
import { restartsText } from "../../lib/job-facts";
import { link } from "../../lib/route";
import { FailurePlace } from "./FailurePlace";

/** The root cause, before anything else on the page. */
export function FailureBanner({ job, failure, total, restarts }: { job: Job; failure: Failure; total: number; restarts: number }) {
  const failed = job.state === "FAILED" || job.state === "FAILING";
  return (
    <section class={`failure ${failed ? "failure-failed" : "failure-warning"}`} aria-label="Root cause">
      <Icon name="alert" size={20} />
      <div class="failure-text">
        <p class="failure-kicker">
          {failed ? "Failed" : job.state === "RUNNING" ? "Runs again: failed" : "Restarting: failed"} <Ago time={failure.timestamp} />
          {restarts > 0 && `, after ${restartsText(restarts)}`}
        </p>
        <p class="failure-headline">{failure.headline}</p>
        <FailurePlace failure={failure} />
        {failure.detail && (
          <details open={failed}>
            <summary>Details</summary>
            <pre class="trace">{failure.detail}</pre>
          </details>
        )}
        {total > 1 && (
          <a href={link.job(job.jid, "exceptions")}>
            {restarts > total ? "The last" : "All"} {total} exceptions
          </a>
        )}
      </div>
    </section>
  );
}
