import type { CheckpointParts } from "../../../api/checkpoint-types";
import { Meter } from "../../../components/Meter";
import { bytes, duration, grouped } from "../../../lib/format";

/** A size, exact in its title. */
export function Size({ value }: { value: number }) {
  return <span title={`${grouped(value)} bytes`}>{bytes(value)}</span>;
}

/** A duration, exact in its title. */
export function Ms({ value }: { value: number }) {
  return value < 0 ? <span class="muted">–</span> : <span title={`${grouped(value)} ms`}>{duration(value)}</span>;
}

/** How many subtasks have acknowledged, as a bar while some have not. */
export function Acknowledged({ parts }: { parts: Pick<CheckpointParts, "num_subtasks" | "num_acknowledged_subtasks"> }) {
  const { num_acknowledged_subtasks: done, num_subtasks: all } = parts;
  return (
    <span class="acknowledged">
      {done < all && <Meter share={all === 0 ? 1 : done / all} tone="pending" label="Acknowledged" />}
      {grouped(done)}/{grouped(all)}
    </span>
  );
}

/** Columns of everything that has the numbers of a checkpoint. */
export function sizeColumns<T extends CheckpointParts>() {
  return [
    { id: "size", title: "Full size", numeric: true, hint: "All state that it stands for", value: (row: T) => row.state_size, cell: (row: T) => <Size value={row.state_size} /> },
    { id: "written", title: "Written", numeric: true, hint: "What was written for it; the rest is in earlier checkpoints", value: (row: T) => row.checkpointed_size, cell: (row: T) => <Size value={row.checkpointed_size} /> },
    { id: "acknowledged", title: "Acknowledged", numeric: true, hint: "Subtasks that are done with it, of all", value: (row: T) => row.num_acknowledged_subtasks, cell: (row: T) => <Acknowledged parts={row} /> },
  ];
}
