import { useState } from "preact/hooks";
import type { Job, Vertex } from "../../api/types";
import { Card } from "../../components/Card";
import { Chart } from "../../components/Chart";
import { Empty } from "../../components/Notice";
import { rate } from "../../lib/format";
import { isTerminal } from "../../lib/states";
import { WHOLE_JOB, historyOf } from "../../lib/throughput";

/** Records per second while the tab was open, of the job or of one vertex. */
export function ThroughputCard({ job, vertices, vertex }: { job: Job; vertices: readonly Vertex[]; vertex: Vertex | null }) {
  const [picked, setPicked] = useState<string | null>(null);
  // What is selected in the graph is shown, until something is picked here.
  const id = picked ?? vertex?.id ?? WHOLE_JOB;
  const series = historyOf(job.jid).series.get(id);
  const points = series?.lines.some((line) => line.some((value) => value !== null)) ?? false;
  if (isTerminal(job.state) && !points) return null;
  return (
    <Card
      title="Throughput"
      actions={
        <select aria-label="What to show" value={id} onChange={(event) => setPicked(event.currentTarget.value)}>
          <option value={WHOLE_JOB}>Whole job</option>
          {vertices.map((v) => (
            <option key={v.id} value={v.id}>
              {v.name}
            </option>
          ))}
        </select>
      }
    >
      {series && points ? (
        <Chart
          data={series}
          version={job.now}
          names={id === WHOLE_JOB ? ["Into the job", "Out of the job"] : ["Records in", "Records out"]}
          format={(value) => `${rate(value)}/s`}
          height={170}
          label="Records per second over time"
        />
      ) : (
        <Empty icon="overview" title="Measuring">
          Throughput is measured while this page is open.
        </Empty>
      )}
    </Card>
  );
}
