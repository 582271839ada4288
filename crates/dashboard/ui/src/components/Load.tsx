import { percent } from "../lib/format";
import { Meter } from "./Meter";

/** A share of time with its bar. */
export function Load({ share, tone, label }: { share: number | null; tone: "busy" | "backpressured"; label: string }) {
  if (share === null) return <span class="muted">–</span>;
  return (
    <span class="load">
      <Meter share={share} tone={tone} label={label} />
      {percent(share)}
    </span>
  );
}
