import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Accumulator } from "../../../api/observe-types";
import type { Job } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { Empty, ErrorNotice, Loading } from "../../../components/Notice";
import { Twist } from "../../../components/Twist";
import { link } from "../../../lib/route";
import { isSettled } from "../../../lib/states";
import { optional } from "../../../live/endpoints";
import { usePoll } from "../../../live/poll";

const EVERY_MS = 3000;

/** What user functions have added up, over all subtasks and by each. */
export function AccumulatorsView({ job, vertexId }: { job: Job; vertexId: string }) {
  const [open, setOpen] = useState<string | null>(null);
  const { data, error } = usePoll(`accumulators/${job.jid}/${vertexId}`, (signal) => optional("accumulators", () => api.accumulators(job.jid, vertexId, signal)).then((list) => list ?? []), {
    every: EVERY_MS,
    until: () => isSettled(job),
  });
  if (!data) return error ? <ErrorNotice title="The accumulators cannot be shown" error={error} /> : <Loading label="Loading the accumulators" />;
  if (data.length === 0) return <Empty title="No accumulator is registered">Counters and other metrics of its functions are on the page <a href={link.job(job.jid, "metrics")}>Metrics</a>.</Empty>;
  const name = (row: Accumulator) => (
    <Twist open={open === row.name} onToggle={() => setOpen(open === row.name ? null : row.name)}>
      {row.name}
    </Twist>
  );
  return (
    <DataTable
      label="Accumulators"
      rows={data}
      rowKey={(row) => row.name}
      detail={(row) => (row.name === open ? <BySubtask job={job} vertexId={vertexId} name={row.name} /> : null)}
      columns={[
        { id: "name", title: "Name", heading: true, value: (row) => row.name, cell: name },
        { id: "type", title: "Type", value: (row) => row.type, cell: (row) => row.type },
        { id: "value", title: "Value", numeric: true, value: (row) => numeric(row.value), cell: (row) => <code class="value">{row.value}</code> },
      ]}
    />
  );
}

function BySubtask({ job, vertexId, name }: { job: Job; vertexId: string; name: string }) {
  const { data, error } = usePoll(`accumulators/${job.jid}/${vertexId}/subtasks`, (signal) => api.subtaskAccumulators(job.jid, vertexId, signal), { every: EVERY_MS, until: () => isSettled(job) });
  if (!data) return error ? <ErrorNotice title="The subtasks cannot be shown" error={error} /> : <Loading label="Loading the subtasks" />;
  const rows = data.flatMap((subtask) => {
    const found = subtask["user-accumulators"].find((accumulator) => accumulator.name === name);
    return found ? [{ subtask: subtask.subtask, endpoint: subtask.endpoint, value: found.value }] : [];
  });
  return (
    <DataTable
      label={`${name} by subtask`}
      rows={rows}
      rowKey={(row) => String(row.subtask)}
      columns={[
        { id: "subtask", title: "Subtask", heading: true, compact: true, value: (row) => row.subtask, cell: (row) => row.subtask },
        { id: "host", title: "Host", value: (row) => row.endpoint, cell: (row) => row.endpoint },
        { id: "value", title: "Value", numeric: true, value: (row) => numeric(row.value), cell: (row) => <code class="value">{row.value}</code> },
      ]}
    />
  );
}

function numeric(value: string): number | string {
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}
