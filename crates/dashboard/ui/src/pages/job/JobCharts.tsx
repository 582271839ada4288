import { useMemo, useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Job, Vertex } from "../../api/types";
import { Card } from "../../components/Card";
import { Chart } from "../../components/Chart";
import { Empty } from "../../components/Notice";
import { SpanPicker } from "../../components/SpanPicker";
import { chartColumns, jobCharts } from "../../lib/job-charts";
import { link } from "../../lib/route";
import { isSettled } from "../../lib/states";
import { WHOLE_JOB } from "../../lib/throughput";
import { useHistory } from "../../live/history";
import { span } from "../../live/span";
import { ThroughputCard } from "./ThroughputCard";

const HEIGHT = 150;

/** The last hour of the job or of one of its vertices, as the server remembers it. */
export function JobCharts({ job, vertices, vertex }: { job: Job; vertices: readonly Vertex[]; vertex: Vertex | null }) {
  const [picked, setPicked] = useState<string | null>(null);
  // What is selected in the graph is shown, until something is picked here.
  const id = picked ?? vertex?.id ?? WHOLE_JOB;
  const { store, version, kept, loaded } = useHistory(`job/${job.jid}`, (query, signal) => api.jobHistory(job.jid, query, signal), {}, { settled: isSettled(job) });
  const charts = useMemo(
    () => (store ? jobCharts(store, vertices.map((v) => v.id), id === WHOLE_JOB ? null : id, span.value) : []),
    [store, version, id, span.value, vertices.length],
  );
  if (!kept) return <ThroughputCard job={job} vertices={vertices} vertex={vertex} />;
  // One that ended long ago is not remembered any more.
  if (charts.length === 0 && loaded && isSettled(job)) return null;
  return (
    <Card
      title="History"
      actions={
        <>
          <a href={link.job(job.jid, "metrics")}>More metrics</a>
          <select aria-label="What to show" value={id} onChange={(event) => setPicked(event.currentTarget.value)}>
            <option value={WHOLE_JOB}>Whole job</option>
            {vertices.map((v) => (
              <option key={v.id} value={v.id}>
                {v.name}
              </option>
            ))}
          </select>
          <SpanPicker />
        </>
      }
    >
      {charts.length > 0 ? (
        <div class={`charts charts-${chartColumns(charts.length)}`}>
          {charts.map(({ id: key, title, names, data, format, top, steps, colors, stepped }) => (
            <section key={key} class="chart-cell">
              <h3>{title}</h3>
              <Chart
                data={data}
                version={version}
                names={names}
                format={format}
                top={top}
                steps={steps}
                colors={colors}
                stepped={stepped ?? false}
                height={HEIGHT}
                group={`job-${job.jid}`}
                label={`${title} over time`}
              />
            </section>
          ))}
        </div>
      ) : (
        <div class="charts-room">
          {loaded && (
            <Empty icon="overview" title="Measuring">
              The first values come some seconds after a job starts.
            </Empty>
          )}
        </div>
      )}
    </Card>
  );
}
