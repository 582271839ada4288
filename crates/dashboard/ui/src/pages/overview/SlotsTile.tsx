import type { ClusterOverview } from "../../api/types";
import { plural } from "../../lib/format";
import { link } from "../../lib/route";

/** More slots than this are drawn as one bar. */
const DRAWN = 48;

/** Free and taken slots, one mark each while they are few. */
export function SlotsTile({ overview }: { overview: ClusterOverview }) {
  const total = overview["slots-total"];
  const free = overview["slots-available"];
  const used = Math.max(0, total - free);
  return (
    <a class="tile" href={link.taskManagers()}>
      <span class="tile-title">Free slots</span>
      <span class="tile-value">
        {free}
        <span class="tile-of"> of {total}</span>
      </span>
      <span class="slots" aria-hidden="true">
        {total <= DRAWN ? (
          Array.from({ length: total }, (_, i) => <span key={i} class={i < used ? "slot slot-used" : "slot"} />)
        ) : (
          <span class="meter">
            <span class="meter-fill fill-running" style={{ width: `${(used / total) * 100}%` }} />
          </span>
        )}
      </span>
      <span class="tile-foot">
        {overview.taskmanagers === 0 ? <span class="text-failed">No TaskManager has registered</span> : `on ${plural(overview.taskmanagers, "TaskManager")}`}
      </span>
    </a>
  );
}
