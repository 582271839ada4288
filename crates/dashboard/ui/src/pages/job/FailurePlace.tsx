import type { Failure } from "../../lib/exceptions";
import { link } from "../../lib/route";

/** Where a failure happened, with the way to that TaskManager's log. */
export function FailurePlace({ failure }: { failure: Failure }) {
  const { task, operator, location, endpoint, taskManagerId } = failure;
  if (!task && !operator && !location && !endpoint) return null;
  return (
    <p class="failure-place">
      {task && <span>{task}</span>}
      {operator && <span>operator {operator}</span>}
      {location && <code>{location}</code>}
      {endpoint && <span>on {taskManagerId ? <a href={link.taskManager(taskManagerId, "log")}>{endpoint}</a> : endpoint}</span>}
    </p>
  );
}
