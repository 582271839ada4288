import { api } from "../../api/client";
import type { TaskManager } from "../../api/types";
import { Card } from "../../components/Card";
import { DataTable } from "../../components/DataTable";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { bytes, plural } from "../../lib/format";
import { link } from "../../lib/route";
import { usePoll } from "../../live/poll";
import { Heartbeat } from "./Heartbeat";
import { SlotMarks } from "./SlotMarks";

/** All registered TaskManagers. */
export function TaskManagersPage() {
  const { data, error } = usePoll("taskmanagers", api.taskManagers);
  const slots = (data ?? []).reduce((sum, tm) => sum + tm.slotsNumber, 0);
  const free = (data ?? []).reduce((sum, tm) => sum + tm.freeSlots, 0);
  return (
    <>
      <div class="page-head">
        <h1>TaskManagers</h1>
        {data && data.length > 0 && (
          <span class="muted">
            {data.length} with {plural(slots, "slot")}, {free} free
          </span>
        )}
      </div>
      {error !== null && <ErrorNotice title="The TaskManagers cannot be updated" error={error} />}
      <Card flush>
        {!data && !error && <Loading rows={4} label="Loading the TaskManagers" />}
        {data?.length === 0 && (
          <Empty icon="taskmanagers" title="No TaskManager has registered">
            Jobs wait until one does. Start one with <code>bin/taskmanager.sh start</code>.
          </Empty>
        )}
        {data && data.length > 0 && <List rows={data} />}
      </Card>
    </>
  );
}

function List({ rows }: { rows: readonly TaskManager[] }) {
  return (
    <DataTable
      label="TaskManagers"
      rows={rows}
      rowKey={(tm) => tm.id}
      sort={{ by: "id", order: "ascending" }}
      onRow={(tm) => (location.hash = link.taskManager(tm.id))}
      columns={[
        { id: "id", title: "TaskManager", heading: true, value: (tm) => tm.id, cell: (tm) => <a href={link.taskManager(tm.id)}>{tm.id}</a> },
        { id: "slots", title: "Slots", numeric: true, hint: "Slots held by jobs, of all", value: (tm) => tm.freeSlots, cell: (tm) => <SlotMarks total={tm.slotsNumber} free={tm.freeSlots} /> },
        { id: "heartbeat", title: "Last heartbeat", numeric: true, value: (tm) => -tm.timeSinceLastHeartbeat, cell: (tm) => <Heartbeat time={tm.timeSinceLastHeartbeat} /> },
        { id: "cores", title: "Cores", numeric: true, value: (tm) => tm.hardware.cpuCores, cell: (tm) => tm.hardware.cpuCores },
        { id: "memory", title: "Machine memory", numeric: true, value: (tm) => tm.hardware.physicalMemory, cell: (tm) => bytes(tm.hardware.physicalMemory) },
        { id: "port", title: "Data port", numeric: true, value: (tm) => tm.dataPort, cell: (tm) => (tm.dataPort > 0 ? tm.dataPort : <span class="muted">–</span>) },
        { id: "log", title: "Logs", cell: (tm) => <span class="links"><a href={link.taskManager(tm.id, "log")}>log</a><a href={link.taskManager(tm.id, "stdout")}>stdout</a></span> },
      ]}
    />
  );
}
