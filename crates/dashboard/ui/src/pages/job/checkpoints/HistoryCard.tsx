import { useRef } from "preact/hooks";
import type { Checkpoint, Checkpoints } from "../../../api/checkpoint-types";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { DataTable } from "../../../components/DataTable";
import { Elapsed, When } from "../../../components/Times";
import { Twist } from "../../../components/Twist";
import { failureOf, kindOf, withKept } from "../../../lib/checkpoints";
import { grouped } from "../../../lib/format";
import { current, setQuery } from "../../../live/location";
import { CheckpointChip } from "./CheckpointChip";
import { CheckpointDetail } from "./CheckpointDetail";
import { Ms, sizeColumns } from "./parts";

const QUERY = "checkpoint";

/** The last checkpoints and savepoints; the one that is open stands in the address. */
export function HistoryCard({ job, checkpoints }: { job: Job; checkpoints: Checkpoints }) {
  const asked = current.value.query.get(QUERY);
  const open = asked === null ? null : Number(asked);
  const kept = useRef<Checkpoint | null>(null);
  const { history, latest } = checkpoints;
  const known = [...history, latest.completed, latest.savepoint, latest.failed];
  kept.current = known.find((checkpoint) => checkpoint?.id === open) ?? (kept.current?.id === open ? kept.current : null);
  const toggle = (checkpoint: Checkpoint) => setQuery(QUERY, checkpoint.id === open ? "" : String(checkpoint.id));
  return (
    <Card flush title="History">
      {open !== null && kept.current === null && (
        <p class="muted detail-text">
          Checkpoint {asked} is not known any more: the JobManager keeps the last ones only (<code>web.checkpoints.history</code>).
        </p>
      )}
      <DataTable
        label="Checkpoints"
        rows={withKept(history, kept.current)}
        rowKey={(checkpoint) => String(checkpoint.id)}
        onRow={toggle}
        selected={asked}
        detail={(checkpoint) => (checkpoint.id === open ? <CheckpointDetail job={job} checkpoint={checkpoint} /> : null)}
        columns={[
          {
            id: "id",
            title: "Id",
            heading: true,
            compact: true,
            value: (checkpoint) => checkpoint.id,
            cell: (checkpoint) => (
              <Twist open={checkpoint.id === open} onToggle={() => toggle(checkpoint)}>
                #{grouped(checkpoint.id)}
              </Twist>
            ),
          },
          { id: "status", title: "Status", value: (checkpoint) => checkpoint.status, cell: (checkpoint) => <Status checkpoint={checkpoint} /> },
          { id: "type", title: "Type", value: kindOf, cell: kindOf },
          { id: "trigger", title: "Triggered", numeric: true, value: (checkpoint) => checkpoint.trigger_timestamp, cell: (checkpoint) => <When time={checkpoint.trigger_timestamp} /> },
          {
            id: "duration",
            title: "Duration",
            numeric: true,
            hint: "From the trigger to the last acknowledgment, or to the failure",
            value: (checkpoint) => checkpoint.end_to_end_duration,
            cell: (checkpoint) => (checkpoint.status === "IN_PROGRESS" ? <Elapsed start={checkpoint.trigger_timestamp} end={-1} /> : <Ms value={checkpoint.end_to_end_duration} />),
          },
          ...sizeColumns<Checkpoint>(),
        ]}
      />
    </Card>
  );
}

function Status({ checkpoint }: { checkpoint: Checkpoint }) {
  if (checkpoint.status !== "FAILED") return <CheckpointChip status={checkpoint.status} />;
  const { head } = failureOf(checkpoint.failure_message);
  return (
    <span class="checkpoint-status">
      <CheckpointChip status={checkpoint.status} />
      <span class="clip muted" title={head}>
        {head}
      </span>
    </span>
  );
}
