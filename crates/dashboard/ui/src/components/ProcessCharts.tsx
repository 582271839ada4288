import { useMemo } from "preact/hooks";
import { type Process, api } from "../api/client";
import { hasValues, recent } from "../lib/history";
import { readingOf } from "../lib/metric-catalog";
import { useHistory } from "../live/history";
import { span } from "../live/span";
import { Card } from "./Card";
import { Chart } from "./Chart";
import { SpanPicker } from "./SpanPicker";

const LINES = [
  { id: "cpuLoad", title: "CPU", name: "Share of the machine's cores" },
  { id: "memoryUsed", title: "Memory", name: "Resident" },
] as const;

/** What a process used over the last hour, its task hosts included; nothing if the server does not remember. */
export function ProcessCharts({ process }: { process: Process }) {
  const { store, version, loaded, kept } = useHistory(`process/${process?.taskManager ?? ""}`, (query, signal) => api.processHistory(process, query, signal));
  const charts = useMemo(
    () => (store ? LINES.map((line) => ({ ...line, data: recent({ times: store.times, lines: [store.line(line.id)] }, span.value) })).filter(({ data }) => hasValues(data)) : []),
    [store, version, span.value],
  );
  if (!kept || (loaded && charts.length === 0)) return null;
  return (
    <Card title="History" actions={<SpanPicker />}>
      <div class="charts charts-room">
        {charts.map(({ id, title, name, data }) => {
          const { format, top, steps } = readingOf(id);
          return (
            <section key={id} class="chart-cell">
              <h3>{title}</h3>
              <Chart data={data} version={version} names={[name]} format={format} top={top} steps={steps} height={140} group={`process-${process?.taskManager ?? ""}`} label={`${title} over time`} />
            </section>
          );
        })}
      </div>
    </Card>
  );
}
