import { duration, exactTime } from "../../lib/format";
import { now } from "../../live/clock";

/** How far event time is behind the clock: what a watermark means to people. */
export function Lag({ watermark, short = false }: { watermark: number; short?: boolean }) {
  const behind = Math.max(0, now.value - watermark);
  return (
    <span class={short ? "node-lag" : ""} title={`Low watermark ${exactTime(watermark)}`}>
      {short ? "watermark " : ""}
      {duration(behind)} behind
    </span>
  );
}
