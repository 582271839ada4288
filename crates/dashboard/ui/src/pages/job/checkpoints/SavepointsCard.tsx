import { useEffect, useMemo } from "preact/hooks";
import type { Checkpoints } from "../../../api/checkpoint-types";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { DataTable } from "../../../components/DataTable";
import { When } from "../../../components/Times";
import { bytes } from "../../../lib/format";
import { type KnownSavepoint, mergeSavepoints, readSavepoints, savepointsOf } from "../../../lib/savepoints";
import { remembered } from "../../../live/remembered";
import { SnapshotPath } from "../SnapshotPath";

/** All savepoints of the job that are known, each with the way to a job that begins with it. */
export function SavepointsCard({ job, checkpoints }: { job: Job; checkpoints: Checkpoints }) {
  const kept = useMemo(() => remembered<KnownSavepoint[]>(`flott.savepoints.${job.jid}`, [], readSavepoints), [job.jid]);
  const all = mergeSavepoints(kept.value, savepointsOf(checkpoints));
  const text = JSON.stringify(all);
  useEffect(() => {
    if (text !== JSON.stringify(kept.peek())) kept.set(all);
  }, [text]);
  if (all.length === 0) return null;
  return (
    <Card flush title="Savepoints">
      <DataTable
        label="Savepoints"
        rows={all}
        rowKey={(savepoint) => savepoint.path}
        sort={{ by: "time", order: "descending" }}
        columns={[
          { id: "time", title: "Taken", heading: true, compact: true, value: (savepoint) => savepoint.time, cell: (savepoint) => <When time={savepoint.time} /> },
          { id: "kind", title: "Type", value: (savepoint) => String(savepoint.stopped), cell: (savepoint) => (savepoint.stopped ? "stop with savepoint" : "savepoint") },
          { id: "size", title: "Size", numeric: true, value: (savepoint) => savepoint.size ?? -1, cell: (savepoint) => (savepoint.size === null ? <span class="muted">–</span> : bytes(savepoint.size)) },
          { id: "path", title: "Path", value: (savepoint) => savepoint.path, cell: (savepoint) => <SnapshotPath job={job} path={savepoint.path} /> },
        ]}
      />
    </Card>
  );
}
