import type { Subtask } from "../../../api/types";
import { link } from "../../../lib/route";

/** Where a subtask runs or ran, with the way to that TaskManager's log. */
export function Host({ row }: { row: Pick<Subtask, "endpoint" | "taskmanager-id"> }) {
  const id = row["taskmanager-id"];
  if (!id || id === "(unassigned)") return <span class="muted">not assigned</span>;
  return (
    <a href={link.taskManager(id, "log")} title={`Log of ${id}`}>
      {row.endpoint}
    </a>
  );
}
