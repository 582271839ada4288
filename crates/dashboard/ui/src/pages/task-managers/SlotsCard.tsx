import type { JobSummary, TaskManagerDetail } from "../../api/types";
import { Card } from "../../components/Card";
import { JobCell } from "../../components/JobCell";
import { StateChip } from "../../components/StateChip";
import { plural } from "../../lib/format";

/** Which job holds which slot. */
export function SlotsCard({ tm, jobs }: { tm: TaskManagerDetail; jobs: ReadonlyMap<string, JobSummary> }) {
  const held = tm.allocatedSlots ?? [];
  const free = Math.max(0, tm.slotsNumber - held.length);
  return (
    <Card title="Slots">
      <ul class="slot-list">
        {held.map((slot, i) => {
          const job = jobs.get(slot.jobId);
          return (
            <li key={i} class="slot-row slot-row-used">
              <JobCell id={slot.jobId} name={job?.name ?? "unknown job"} />
              {slot.assignedTasks !== undefined && <span class="muted">{plural(slot.assignedTasks, "subtask")}</span>}
              {job && <StateChip state={job.state} />}
            </li>
          );
        })}
        {Array.from({ length: free }, (_, i) => (
          <li key={`free${i}`} class="slot-row">
            <span class="muted">free</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
