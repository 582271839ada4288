import { useMemo } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Chart } from "../../../components/Chart";
import { SpanPicker } from "../../../components/SpanPicker";
import { trendOf } from "../../../lib/checkpoints";
import { BYTE_STEPS, bytes, duration } from "../../../lib/format";
import { type HistoryStore, recent } from "../../../lib/history";
import { isSettled } from "../../../lib/states";
import { useHistory } from "../../../live/history";
import { span } from "../../../live/span";

/** Fewer are no trend. */
const FEWEST = 2;
const HEIGHT = 170;
const METRICS = ["lastCheckpointDuration", "lastCheckpointFullSize", "lastCheckpointSize"] as const;

/** How long checkpoints take and how large they are, one beside the other: over the last hour if the server remembers it. */
export function TrendCard({ job }: { job: Job }) {
  const { store, version } = useHistory(`checkpoints/${job.jid}`, (query, signal) => api.jobHistory(job.jid, query, signal), { get: METRICS }, { settled: isSettled(job) });
  const trend = trendOf(job.jid);
  if (store?.has("lastCheckpointDuration")) return <LastHour job={job} store={store} version={version} />;
  if (trend.durations.times.length < FEWEST) return null;
  return (
    <div class="columns">
      <Card title="Duration">
        <Chart data={trend.durations} version={trend.version} names={["Trigger to last acknowledgment"]} format={duration} height={HEIGHT} label="Duration of checkpoints over time" points />
      </Card>
      <Card title="Size">
        <Chart data={trend.sizes} version={trend.version} names={["Full", "Written"]} format={bytes} height={HEIGHT} label="Size of checkpoints over time" points steps={BYTE_STEPS} />
      </Card>
    </div>
  );
}

function LastHour({ job, store, version }: { job: Job; store: HistoryStore; version: number }) {
  const full = store.has("lastCheckpointFullSize");
  const { durations, sizes } = useMemo(
    () => ({
      durations: recent({ times: store.times, lines: [store.line("lastCheckpointDuration")] }, span.value),
      sizes: recent({ times: store.times, lines: [...(full ? [store.line("lastCheckpointFullSize")] : []), store.line("lastCheckpointSize")] }, span.value),
    }),
    [store, version, span.value],
  );
  const common = { version, height: HEIGHT, stepped: true, group: `checkpoints-${job.jid}` };
  return (
    <div class="columns">
      <Card title="Duration" actions={<SpanPicker />}>
        <Chart {...common} data={durations} names={["Of the last checkpoint"]} format={duration} label="Duration of checkpoints over time" />
      </Card>
      <Card title="Size">
        <Chart {...common} data={sizes} names={[...(full ? ["Full"] : []), "Written"]} format={bytes} label="Size of checkpoints over time" steps={BYTE_STEPS} />
      </Card>
    </div>
  );
}
