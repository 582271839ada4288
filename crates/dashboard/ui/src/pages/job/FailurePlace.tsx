import type { Failure } from "../../lib/exceptions";
import { link } from "../../lib/route";

/** Where a failure happened, with the way to that TaskManager's log. */
export function FailurePlace({ failure }: { failure: Failure }) {
  if (!failure.task && !failure.endpoint) return null;
  return (
    <p class="failure-place">
      {failure.task && <span>{failure.task}</span>}
      {failure.endpoint && (
        <span>
          on {failure.taskManagerId ? <a href={link.taskManager(failure.taskManagerId, "log")}>{failure.endpoint}</a> : failure.endpoint}
        </span>
      )}
    </p>
  );
}
