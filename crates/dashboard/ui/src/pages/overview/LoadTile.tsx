import { Sparkline } from "../../components/Sparkline";
import { bytes, percent } from "../../lib/format";
import { HISTORY_POINTS, type HistoryStore } from "../../lib/history";
import { link } from "../../lib/route";
import { newest } from "../../lib/sparkline";

/** What the cluster's processes use of their machines, and its course over the last hour. */
export function LoadTile({ store }: { store: HistoryStore }) {
  const cpu = store.newest("cpuLoad");
  const memory = store.newest("memoryUsed");
  if (cpu === null && memory === null) return null;
  return (
    <a class="tile" href={link.taskManagers()}>
      <div class="tile-pair">
        <Part title="CPU" hint="Share of all cores used by the JobManager, the TaskManagers and their task hosts" value={cpu === null ? "–" : percent(cpu)} values={store.line("cpuLoad")} top={1} />
        <Part title="Memory" hint="Resident memory of the JobManager, the TaskManagers and their task hosts" value={memory === null ? "–" : bytes(memory)} values={store.line("memoryUsed")} />
      </div>
    </a>
  );
}

function Part({ title, hint, value, values, top }: { title: string; hint: string; value: string; values: readonly (number | null)[]; top?: number }) {
  return (
    <span class="tile-part" title={hint}>
      <span class="tile-title">{title}</span>
      <span class="tile-value">{value}</span>
      <Sparkline values={newest(values, HISTORY_POINTS)} label={`${title} over the last hour`} top={top} />
    </span>
  );
}
