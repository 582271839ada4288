import { DataTable } from "../../components/DataTable";
import { StateChip } from "../../components/StateChip";
import { TaskBar } from "../../components/TaskBar";
import { Elapsed } from "../../components/Times";
import { bytes, count, grouped, percent } from "../../lib/format";
import { UNEVEN } from "../../lib/skew";
import type { VertexView } from "../../lib/vertices";
import { now } from "../../live/clock";
import { Lag } from "./Lag";
import { Load } from "../../components/Load";

interface Props {
  views: readonly VertexView[];
  live: boolean;
  selected: string | null;
  onSelect: (id: string) => void;
}

/** All vertices with their totals, in the order of the flow. */
export function VertexTable({ views, live, selected, onSelect }: Props) {
  const records = (key: "read-records" | "write-records", title: string) => ({
    id: key,
    title,
    numeric: true,
    value: (view: VertexView) => view.vertex.metrics[key],
    cell: (view: VertexView) => <span title={grouped(view.vertex.metrics[key])}>{count(view.vertex.metrics[key])}</span>,
  });
  const size = (key: "read-bytes" | "write-bytes", title: string) => ({
    id: key,
    title,
    numeric: true,
    value: (view: VertexView) => view.vertex.metrics[key],
    hint: "As it was on the wire, or within a process as it is in memory",
    cell: (view: VertexView) => (view.vertex.metrics[key] > 0 ? <span title={`${grouped(view.vertex.metrics[key])} bytes`}>{bytes(view.vertex.metrics[key])}</span> : <span class="muted">–</span>),
  });
  return (
    <DataTable
      label="Vertices"
      rows={views}
      rowKey={(view) => view.vertex.id}
      selected={selected}
      onRow={(view) => onSelect(view.vertex.id)}
      columns={[
        {
          id: "name",
          title: "Vertex",
          heading: true,
          value: (view) => view.vertex.name,
          cell: (view) => (
            <button type="button" class="link vertex-name" title={view.vertex.name} onClick={() => onSelect(view.vertex.id)}>
              {view.vertex.name}
            </button>
          ),
        },
        { id: "status", title: "Status", value: (view) => view.vertex.status, cell: (view) => <StateChip state={view.vertex.status} /> },
        { id: "subtasks", title: "Subtasks", numeric: true, hint: "Subtasks running or finished, of all", value: (view) => view.vertex.parallelism, cell: (view) => <TaskBar counts={view.vertex.tasks} plain /> },
        records("read-records", "Records in"),
        records("write-records", "Records out"),
        ...(views.some(({ vertex }) => vertex.metrics["read-bytes"] + vertex.metrics["write-bytes"] > 0) ? [size("read-bytes", "Bytes in"), size("write-bytes", "Bytes out")] : []),
        ...(live
          ? [
              { id: "busy", title: "Busy", numeric: true, hint: "Share of time at work, of the busiest subtask", value: (view: VertexView) => view.busy ?? -1, cell: (view: VertexView) => <Load share={view.busy} tone="busy" label="Busy" /> },
              { id: "bp", title: "Backpressured", numeric: true, hint: "Share of time waiting for the next vertex, of the subtask that waits most", value: (view: VertexView) => view.backpressured ?? -1, cell: (view: VertexView) => <Load share={view.backpressured} tone="backpressured" label="Backpressured" /> },
            ]
          : []),
        ...(views.some((view) => view.skew !== null)
          ? [{ id: "skew", title: "Skew", numeric: true, hint: "How unevenly records are spread over the subtasks: their average distance from the mean, in percent of it", value: (view: VertexView) => view.skew ?? -1, cell: (view: VertexView) => <Skew skew={view.skew} /> }]
          : []),
        ...(views.some((view) => view.state !== null)
          ? [{ id: "state", title: "State", numeric: true, hint: "State in the latest completed checkpoint", value: (view: VertexView) => view.state ?? -1, cell: (view: VertexView) => (view.state === null ? <span class="muted">–</span> : bytes(view.state)) }]
          : []),
        ...(views.some((view) => view.watermark !== null)
          ? [{ id: "lag", title: "Lag", numeric: true, hint: "How far the watermark (event time) is behind the clock", value: (view: VertexView) => (view.watermark === null ? -1 : now.peek() - view.watermark), cell: (view: VertexView) => (view.watermark === null ? <span class="muted">–</span> : <Lag watermark={view.watermark} short />) }]
          : []),
        { id: "duration", title: "Duration", numeric: true, value: (view) => view.vertex.duration, cell: (view) => <Elapsed start={view.vertex["start-time"]} end={view.vertex["end-time"]} /> },
      ]}
    />
  );
}

function Skew({ skew }: { skew: number | null }) {
  if (skew === null) return <span class="muted">–</span>;
  return <span class={skew >= UNEVEN ? "text-warning" : ""}>{percent(skew)}</span>;
}
