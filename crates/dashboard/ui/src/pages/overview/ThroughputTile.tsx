import { Sparkline } from "../../components/Sparkline";
import { grouped, rate } from "../../lib/format";
import { newest } from "../../lib/sparkline";

interface Props {
  /** Records per second now; null while unknown. */
  now: number | null;
  values: readonly (number | null)[];
  /** Values that fill the line's width. */
  width: number;
  /** What is measured, in words, and over which time. */
  hint: string;
  unit?: string;
  foot?: string | undefined;
}

/** How much goes through the running jobs now, and its course. */
export function ThroughputTile({ now, values, width, hint, unit = "records/s", foot }: Props) {
  return (
    <div class="tile" title={hint}>
      <span class="tile-title">Throughput</span>
      <span class="tile-value" title={now === null ? undefined : `${grouped(now)} records/s`}>
        {now === null ? <span class="muted">measuring</span> : rate(now)}
        {now !== null && <span class="tile-of"> {unit}</span>}
      </span>
      {foot && <span class="muted">{foot}</span>}
      <Sparkline values={newest(values, width)} label="Course of the throughput" />
    </div>
  );
}
