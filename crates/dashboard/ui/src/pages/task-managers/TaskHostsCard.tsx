import { useRef } from "preact/hooks";
import type { JobSummary, TaskHost } from "../../api/types";
import { Card } from "../../components/Card";
import { DataTable } from "../../components/DataTable";
import { JobCell } from "../../components/JobCell";
import { Empty } from "../../components/Notice";
import { bytes, duration, grouped, percent } from "../../lib/format";
import { RateMeter } from "../../lib/rates";

/** TaskManagers tell of their processes every few seconds. */
const WINDOW_MS = 20_000;

/** The processes of a TaskManager, one for each job: who uses the memory and the CPU. */
export function TaskHostsCard({ hosts, jobs }: { hosts: readonly TaskHost[]; jobs: ReadonlyMap<string, JobSummary> }) {
  const meter = useRef(new RateMeter(WINDOW_MS)).current;
  const now = performance.now();
  const cpu = new Map(hosts.map(({ pid, cpuTimeMs }) => [pid, meter.sample(String(pid), cpuTimeMs / 1000, now)]));
  return (
    <Card title="Task hosts" flush>
      {hosts.length === 0 ? (
        <Empty title="No job has a process here">Each job that holds a slot has a process of its own: what it breaks is its own.</Empty>
      ) : (
        <DataTable
          label="Task hosts"
          rows={hosts}
          rowKey={({ pid }) => String(pid)}
          sort={{ by: "memory", order: "descending" }}
          columns={[
            { id: "job", title: "Job", heading: true, value: ({ jobId }) => jobs.get(jobId)?.name ?? jobId, cell: ({ jobId }) => <JobCell id={jobId} name={jobs.get(jobId)?.name ?? "unknown job"} /> },
            { id: "pid", title: "PID", hint: "Id of the process on the TaskManager's machine, where ps and top name it flott-task-host", numeric: true, value: ({ pid }) => pid, cell: ({ pid }) => pid },
            { id: "subtasks", title: "Subtasks", numeric: true, value: ({ subtasks }) => subtasks, cell: ({ subtasks }) => subtasks },
            {
              id: "cpu",
              title: "CPU",
              hint: "Of one core, over the last 20 seconds; the whole time below the pointer",
              numeric: true,
              value: ({ pid }) => cpu.get(pid) ?? -1,
              cell: ({ pid, cpuTimeMs }) => {
                const share = cpu.get(pid) ?? null;
                return <span title={`${duration(cpuTimeMs)} since it started`}>{share === null ? "–" : share > 1 ? `${Math.round(share * 100)}%` : percent(share)}</span>;
              },
            },
            {
              id: "memory",
              title: "Memory",
              hint: "Resident; the most so far below the pointer",
              numeric: true,
              value: ({ residentBytes }) => residentBytes,
              cell: ({ residentBytes, peakResidentBytes }) => <span title={`${grouped(residentBytes)} bytes, at most ${bytes(peakResidentBytes)}`}>{bytes(residentBytes)}</span>,
            },
            { id: "threads", title: "Threads", numeric: true, value: ({ threads }) => threads, cell: ({ threads }) => threads },
          ]}
        />
      )}
    </Card>
  );
}
