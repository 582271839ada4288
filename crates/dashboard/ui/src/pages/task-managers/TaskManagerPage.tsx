import { api } from "../../api/client";
import { CopyButton } from "../../components/CopyButton";
import { LogFiles } from "../../components/LogFiles";
import { LogViewer } from "../../components/LogViewer";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { ProcessCharts } from "../../components/ProcessCharts";
import { Profiler } from "../../components/Profiler";
import { Tabs } from "../../components/Tabs";
import { Threads } from "../../components/Threads";
import { bytes } from "../../lib/format";
import { type TaskManagerTab, link } from "../../lib/route";
import { isMissing } from "../../live/endpoints";
import { usePoll } from "../../live/poll";
import { Heartbeat } from "./Heartbeat";
import { MemoryCard } from "./MemoryCard";
import { SlotMarks } from "./SlotMarks";
import { SlotsCard } from "./SlotsCard";
import { TaskHostsCard } from "./TaskHostsCard";

/** One TaskManager: what its slots do, its memory, its logs. */
export function TaskManagerPage({ id, tab, file }: { id: string; tab: TaskManagerTab; file: string | null }) {
  const { data, error } = usePoll(`taskmanager/${id}`, async (signal) => {
    const [tm, jobs] = await Promise.all([api.taskManager(id, signal), api.jobs(signal)]);
    return { tm, names: new Map(jobs.map((job) => [job.jid, job])) };
  });
  if (!data) {
    if (!error) return <Loading rows={6} label="Loading the TaskManager" />;
    return (
      <>
        <ErrorNotice title="The TaskManager cannot be shown" error={error} />
        <Empty icon="taskmanagers" title="It may have stopped or lost its connection">
          <a href={link.taskManagers()}>See all TaskManagers</a>
        </Empty>
      </>
    );
  }
  const { tm } = data;
  const process = { taskManager: id };
  return (
    <>
      <header class="job-head">
        <div class="job-title">
          <h1>{id}</h1>
          <CopyButton text={id} what="TaskManager id" />
        </div>
        <dl class="facts">
          <div>
            <dt>Slots</dt>
            <dd>
              <SlotMarks total={tm.slotsNumber} free={tm.freeSlots} />
            </dd>
          </div>
          <div>
            <dt>Last heartbeat</dt>
            <dd>
              <Heartbeat time={tm.timeSinceLastHeartbeat} />
            </dd>
          </div>
          <div>
            <dt>Cores</dt>
            <dd>{tm.hardware.cpuCores}</dd>
          </div>
          <div>
            <dt>Machine memory</dt>
            <dd>{bytes(tm.hardware.physicalMemory)}</dd>
          </div>
          {tm.dataPort > 0 && (
            <div>
              <dt>Data port</dt>
              <dd>{tm.dataPort}</dd>
            </div>
          )}
        </dl>
      </header>
      {error !== null && <ErrorNotice title="The TaskManager could not be updated" error={error} />}
      <Tabs
        label="Parts of the TaskManager"
        current={tab}
        tabs={[
          { id: "slots", title: "Slots and memory", href: link.taskManager(id) },
          { id: "log", title: "Log", href: link.taskManager(id, "log") },
          { id: "stdout", title: "Stdout", href: link.taskManager(id, "stdout") },
          { id: "files", title: "Log files", href: link.taskManager(id, "files") },
          ...(isMissing("thread-dump") ? [] : [{ id: "threads", title: "Threads", href: link.taskManager(id, "threads") }]),
          ...(isMissing("profiler") ? [] : [{ id: "profiler", title: "Profiler", href: link.taskManager(id, "profiler") }]),
        ]}
      />
      {tab === "slots" && (
        <div class="columns">
          <div class="stack">
            <SlotsCard tm={tm} jobs={data.names} />
            {tm.taskHosts && <TaskHostsCard hosts={tm.taskHosts} jobs={data.names} />}
          </div>
          <div class="stack">
            <MemoryCard tm={tm} />
            <ProcessCharts process={process} />
          </div>
        </div>
      )}
      {tab === "log" && <LogViewer key="log" process={process} source="log" />}
      {tab === "stdout" && <LogViewer key="stdout" process={process} source="stdout" />}
      {tab === "threads" && <Threads process={process} />}
      {tab === "profiler" && <Profiler process={process} />}
      {tab === "files" &&
        (file ? (
          <LogViewer key={file} process={process} source={{ file }} back={link.taskManager(id, "files")} />
        ) : (
          <LogFiles process={process} href={(name) => link.taskManager(id, "files", name)} />
        ))}
    </>
  );
}
