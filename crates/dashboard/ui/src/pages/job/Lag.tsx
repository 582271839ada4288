import { clockTime, duration, exactTime, isoDate } from "../../lib/format";
import { isOfNow, lagLevel } from "../../lib/watermark";
import { now } from "../../live/clock";

/** How far event time is behind the clock: what a watermark means to people. */
export function Lag({ watermark, short = false }: { watermark: number; short?: boolean }) {
  const behind = Math.max(0, now.value - watermark);
  return (
    <span class={`lag-${lagLevel(behind)}`} title={`Low watermark ${exactTime(watermark)}${isOfNow(behind) ? "" : ": not of now, so no lag can be told"}`}>
      {isOfNow(behind) ? `${duration(behind)} behind` : short ? isoDate(watermark) : `at ${clockTime(watermark, now.value)}`}
    </span>
  );
}
