import type { VNode } from "preact";
import type { Checkpoints, Percentile, Statistics } from "../../../api/checkpoint-types";
import { Card } from "../../../components/Card";
import { DataTable } from "../../../components/DataTable";
import { Ms, Size } from "./parts";

interface Row {
  name: string;
  statistics: Statistics;
  show: (value: number) => VNode;
}

const COLUMNS: { id: keyof Statistics; title: string }[] = [
  { id: "min", title: "Min" },
  { id: "avg", title: "Average" },
  { id: "max", title: "Max" },
  { id: "p50", title: "p50" },
  { id: "p90", title: "p90" },
  { id: "p95", title: "p95" },
  { id: "p99", title: "p99" },
  { id: "p999", title: "p99.9" },
];

/** What is usual of the completed checkpoints. */
export function SummaryCard({ summary }: { summary: Checkpoints["summary"] }) {
  const time = (value: number) => <Ms value={value} />;
  const size = (value: number) => <Size value={value} />;
  const rows: Row[] = [
    { name: "Duration", statistics: summary.end_to_end_duration, show: time },
    { name: "Full size", statistics: summary.state_size, show: size },
    { name: "Written", statistics: summary.checkpointed_size, show: size },
    { name: "Processed while aligning", statistics: summary.processed_data, show: size },
    { name: "Persisted under way", statistics: summary.persisted_data, show: size },
  ];
  return (
    <Card flush title="Summary">
      <DataTable
        label="Summary of completed checkpoints"
        rows={rows}
        rowKey={(row) => row.name}
        columns={[
          { id: "name", title: "Of completed ones", heading: true, cell: (row) => row.name },
          ...COLUMNS.map(({ id, title }) => ({ id, title, numeric: true, cell: (row: Row) => <Value value={row.statistics[id]} show={row.show} /> })),
        ]}
      />
    </Card>
  );
}

function Value({ value, show }: { value: Percentile; show: Row["show"] }) {
  return typeof value === "number" ? show(value) : <span class="muted">–</span>;
}
