import { api } from "../../api/client";
import type { TaskManager } from "../../api/types";
import { Card } from "../../components/Card";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { Sparkline } from "../../components/Sparkline";
import { bytes, percent, plural } from "../../lib/format";
import { link } from "../../lib/route";
import { newest } from "../../lib/sparkline";
import { usePoll } from "../../live/poll";
import { type ProcessLoad, useTaskManagerLoad } from "../../live/process-load";
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

/** Points of the small line: a quarter of an hour. */
const COURSE = 180;

function List({ rows }: { rows: readonly TaskManager[] }) {
  const load = useTaskManagerLoad(rows.map(({ id }) => id));
  const used: Column<TaskManager>[] =
    load.size === 0
      ? []
      : [
          {
            id: "cpu",
            title: "CPU",
            numeric: true,
            hint: "Share of the machine's cores that it uses with its task hosts, and its course over the last 15 minutes",
            value: (tm) => load.get(tm.id)?.cpu ?? -1,
            cell: (tm) => <Cpu load={load.get(tm.id)} />,
          },
          {
            id: "used",
            title: "Memory",
            numeric: true,
            hint: "Resident memory of the TaskManager and its task hosts",
            value: (tm) => load.get(tm.id)?.memory ?? -1,
            cell: (tm) => <Memory load={load.get(tm.id)} />,
          },
        ];
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
        ...used,
        { id: "cores", title: "Cores", numeric: true, value: (tm) => tm.hardware.cpuCores, cell: (tm) => tm.hardware.cpuCores },
        { id: "memory", title: "Machine memory", numeric: true, value: (tm) => tm.hardware.physicalMemory, cell: (tm) => bytes(tm.hardware.physicalMemory) },
        ...(rows.some((tm) => tm.dataPort > 0)
          ? [{ id: "port", title: "Data port", numeric: true, value: (tm: TaskManager) => tm.dataPort, cell: (tm: TaskManager) => (tm.dataPort > 0 ? tm.dataPort : <span class="muted">–</span>) }]
          : []),
        { id: "log", title: "Logs", cell: (tm) => <span class="links"><a href={link.taskManager(tm.id, "log")}>log</a><a href={link.taskManager(tm.id, "stdout")}>stdout</a></span> },
      ]}
    />
  );
}

function Cpu({ load }: { load: ProcessLoad | undefined }) {
  if (!load || load.cpu === null) return <span class="muted">–</span>;
  return (
    <span class="rate-cell">
      <Sparkline values={newest(load.course, COURSE)} label="Course of the last 15 minutes" small top={1} />
      <span class="rate-value">{percent(load.cpu)}</span>
    </span>
  );
}

function Memory({ load }: { load: ProcessLoad | undefined }) {
  return load?.memory == null ? <span class="muted">–</span> : <>{bytes(load.memory)}</>;
}
