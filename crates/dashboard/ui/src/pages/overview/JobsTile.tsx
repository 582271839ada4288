import type { ClusterOverview } from "../../api/types";
import { link } from "../../lib/route";
import type { StateGroup } from "../../lib/states";

/** Jobs by state; each number leads to its jobs. */
export function JobsTile({ overview }: { overview: ClusterOverview }) {
  const parts: { group: StateGroup; title: string; n: number }[] = [
    { group: "running", title: "Running", n: overview["jobs-running"] },
    { group: "finished", title: "Finished", n: overview["jobs-finished"] },
    { group: "failed", title: "Failed", n: overview["jobs-failed"] },
    { group: "canceled", title: "Canceled", n: overview["jobs-cancelled"] },
  ];
  return (
    <div class="tile">
      <span class="tile-title">Jobs</span>
      <span class="counts">
        {parts.map(({ group, title, n }) => (
          <a key={group} class={`count ${n > 0 ? `text-${group}` : "muted"}`} href={link.jobs(group)}>
            <span class="tile-value">{n}</span>
            <span class="count-title">{title}</span>
          </a>
        ))}
      </span>
    </div>
  );
}
