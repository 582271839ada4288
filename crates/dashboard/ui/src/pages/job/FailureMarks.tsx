import type { Job } from "../../api/types";
import { Icon } from "../../components/Icon";
import type { Failure } from "../../lib/exceptions";
import { clockTime, plural } from "../../lib/format";
import { link } from "../../lib/route";

/** When the job failed, on the scale of its timeline; each mark leads to the exceptions. */
export function FailureMarks({ job, failures, scale }: { job: Job; failures: readonly Failure[]; scale: { begin: number; end: number } }) {
  const all = failures.flatMap(({ headline, occurrences }) => occurrences.map(({ timestamp }) => ({ headline, timestamp })));
  return (
    <div class="timeline-vertex">
      <a class="timeline-name timeline-failures" href={link.job(job.jid, "exceptions")}>
        <Icon name="alert" size={12} /> <span class="clip">{plural(all.length, "failure")}</span>
      </a>
      <span class="timeline-bar timeline-bar-thin" role="img" aria-label={plural(all.length, "failure")}>
        {all.map(({ headline, timestamp }) => {
          const share = (timestamp - scale.begin) / (scale.end - scale.begin);
          return <span key={`${timestamp}${headline}`} class="timeline-mark" style={{ left: `${Math.min(100, Math.max(0, share * 100))}%` }} title={`${clockTime(timestamp, scale.end)}: ${headline}`} />;
        })}
      </span>
    </div>
  );
}
