import { Sparkline } from "../../components/Sparkline";
import { clusterThroughput } from "../../lib/cluster";
import { grouped, rate } from "../../lib/format";
import { newest } from "../../lib/sparkline";

/** Polls that fill the line's width. */
const SHOWN = 90;

/** Records per second that all running jobs emit now, and their course since the page was opened. */
export function ThroughputTile({ now, partial }: { now: number | null; partial: boolean }) {
  const values = clusterThroughput.lines[0] ?? [];
  return (
    <div class="tile" title="Records that all subtasks emit (numRecordsOut), measured by this page">
      <span class="tile-title">Throughput</span>
      <span class="tile-value" title={now === null ? undefined : `${grouped(now)} records/s`}>
        {now === null ? <span class="muted">measuring</span> : rate(now)}
        {now !== null && <span class="tile-of"> records/s</span>}
      </span>
      <Sparkline values={newest(values, SHOWN)} label="Throughput of the last minutes" />
      {partial && <span class="tile-foot">of the newest running jobs</span>}
    </div>
  );
}
