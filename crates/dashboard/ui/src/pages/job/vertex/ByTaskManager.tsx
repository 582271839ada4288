import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { DataTable } from "../../../components/DataTable";
import { ErrorNotice, Loading } from "../../../components/Notice";
import { StateChip } from "../../../components/StateChip";
import { TaskBar } from "../../../components/TaskBar";
import { Elapsed } from "../../../components/Times";
import { bytes, count, grouped } from "../../../lib/format";
import { link } from "../../../lib/route";
import { isSettled } from "../../../lib/states";
import { usePoll } from "../../../live/poll";

/** A vertex by the TaskManagers that run it. */
export function ByTaskManager({ job, vertexId }: { job: Job; vertexId: string }) {
  const { data, error } = usePoll(`by-tm/${job.jid}/${vertexId}`, (signal) => api.vertexTaskManagers(job.jid, vertexId, signal), { until: () => isSettled(job) });
  if (!data) return error ? <ErrorNotice title="The TaskManagers cannot be shown" error={error} /> : <Loading label="Loading the TaskManagers" />;
  return (
    <DataTable
      label="TaskManagers of the vertex"
      rows={data.taskmanagers}
      rowKey={(row) => row["taskmanager-id"] || row.endpoint}
      columns={[
        { id: "host", title: "TaskManager", heading: true, value: (row) => row.endpoint, cell: (row) => (row["taskmanager-id"] ? <a href={link.taskManager(row["taskmanager-id"], "log")}>{row.endpoint}</a> : row.endpoint) },
        { id: "status", title: "Status", value: (row) => row.status, cell: (row) => <StateChip state={row.status} /> },
        { id: "subtasks", title: "Subtasks", numeric: true, cell: (row) => <TaskBar counts={row["status-counts"]} /> },
        { id: "in", title: "Records in", numeric: true, value: (row) => row.metrics["read-records"], cell: (row) => <span title={grouped(row.metrics["read-records"])}>{count(row.metrics["read-records"])}</span> },
        { id: "out", title: "Records out", numeric: true, value: (row) => row.metrics["write-records"], cell: (row) => <span title={grouped(row.metrics["write-records"])}>{count(row.metrics["write-records"])}</span> },
        { id: "bin", title: "Bytes in", numeric: true, value: (row) => row.metrics["read-bytes"], cell: (row) => bytes(row.metrics["read-bytes"]) },
        { id: "bout", title: "Bytes out", numeric: true, value: (row) => row.metrics["write-bytes"], cell: (row) => bytes(row.metrics["write-bytes"]) },
        { id: "duration", title: "Duration", numeric: true, value: (row) => row.duration, cell: (row) => <Elapsed start={row["start-time"]} end={row["end-time"]} /> },
      ]}
    />
  );
}
