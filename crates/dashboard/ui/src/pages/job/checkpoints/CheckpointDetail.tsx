import { useState } from "preact/hooks";
import type { Checkpoint, CheckpointParts } from "../../../api/checkpoint-types";
import { api } from "../../../api/client";
import { ApiError } from "../../../api/errors";
import type { Job } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { ErrorNotice, Loading } from "../../../components/Notice";
import { When } from "../../../components/Times";
import { Twist } from "../../../components/Twist";
import { failureOf } from "../../../lib/checkpoints";
import { bytes } from "../../../lib/format";
import { orderedVertices } from "../../../lib/vertices";
import { usePoll } from "../../../live/poll";
import { SnapshotPath } from "../SnapshotPath";
import { CheckpointSubtasks } from "./CheckpointSubtasks";
import { Ms, sizeColumns } from "./parts";

interface Row extends CheckpointParts {
  vertex: string;
  name: string;
}

/** A checkpoint by the vertices of the job. */
export function CheckpointDetail({ job, checkpoint }: { job: Job; checkpoint: Checkpoint }) {
  const { data, error } = usePoll(`checkpoint/${job.jid}/${checkpoint.id}`, (signal) => api.checkpoint(job.jid, checkpoint.id, signal), {
    until: (detail) => detail.status !== "IN_PROGRESS",
    keep: false,
  });
  const [open, setOpen] = useState<string | null>(null);
  return (
    <div class="checkpoint-detail">
      {checkpoint.status === "FAILED" && <Failure checkpoint={checkpoint} />}
      {checkpoint.external_path && <SnapshotPath job={job} path={checkpoint.external_path} discarded={checkpoint.discarded ?? false} />}
      {(checkpoint.processed_data > 0 || checkpoint.persisted_data > 0) && (
        <p class="muted">
          {bytes(checkpoint.processed_data)} processed while barriers were awaited, {bytes(checkpoint.persisted_data)} of records under way became part of it.
        </p>
      )}
      {!data && (error ? <Unknown error={error} /> : <Loading label="Loading the checkpoint" />)}
      {data && (
        <DataTable
          label={`Checkpoint ${checkpoint.id} by vertex`}
          rows={rowsOf(job, data)}
          rowKey={(row) => row.vertex}
          detail={(row) => (row.vertex === open ? <CheckpointSubtasks job={job} checkpoint={data} vertex={row.vertex} name={row.name} /> : null)}
          columns={[
            {
              id: "vertex",
              title: "Vertex",
              heading: true,
              value: (row) => row.name,
              cell: (row) => (
                <Twist open={row.vertex === open} onToggle={() => setOpen(row.vertex === open ? null : row.vertex)}>
                  <span class="clip" title={row.name}>
                    {row.name}
                  </span>
                </Twist>
              ),
            },
            { id: "ack", title: "Last acknowledgment", numeric: true, value: (row) => row.latest_ack_timestamp, cell: (row) => <When time={row.latest_ack_timestamp} /> },
            { id: "duration", title: "Duration", numeric: true, hint: "From the trigger to the last acknowledgment", value: (row) => row.end_to_end_duration, cell: (row) => <Ms value={row.end_to_end_duration} /> },
            ...sizeColumns<Row>(),
          ]}
        />
      )}
    </div>
  );
}

/** In the order of the flow. */
function rowsOf(job: Job, checkpoint: Checkpoint): Row[] {
  return orderedVertices(job).vertices.flatMap(({ id, name }) => {
    const parts = checkpoint.tasks[id];
    return parts ? [{ ...parts, vertex: id, name }] : [];
  });
}

function Failure({ checkpoint }: { checkpoint: Checkpoint }) {
  const { head, detail } = failureOf(checkpoint.failure_message);
  return (
    <div class="checkpoint-failure">
      <p class="failure-headline">{head}</p>
      {detail && <pre class="trace">{detail}</pre>}
    </div>
  );
}

/** What a checkpoint says that the server has forgotten, unlike other errors. */
export function Unknown({ error }: { error: unknown }) {
  if (error instanceof ApiError && error.status === 404) {
    return (
      <p class="muted">
        The JobManager knows the details of the last checkpoints only (<code>web.checkpoints.history</code>).
      </p>
    );
  }
  return <ErrorNotice title="The details cannot be shown" error={error} />;
}
