import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Chart } from "../../../components/Chart";
import { trendOf } from "../../../lib/checkpoints";
import { BYTE_STEPS, bytes, duration } from "../../../lib/format";

/** Fewer are no trend. */
const FEWEST = 2;

/** How long checkpoints take and how large they are, one beside the other. */
export function TrendCard({ job }: { job: Job }) {
  const trend = trendOf(job.jid);
  if (trend.durations.times.length < FEWEST) return null;
  return (
    <div class="columns">
      <Card title="Duration">
        <Chart series={trend.durations} version={trend.version} names={["Trigger to last acknowledgment"]} format={duration} height={170} label="Duration of checkpoints over time" points />
      </Card>
      <Card title="Size">
        <Chart series={trend.sizes} version={trend.version} names={["Full", "Written"]} format={bytes} height={170} label="Size of checkpoints over time" points steps={BYTE_STEPS} />
      </Card>
    </div>
  );
}
