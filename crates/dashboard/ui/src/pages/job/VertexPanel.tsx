import { useState } from "preact/hooks";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { Icon } from "../../components/Icon";
import { StateChip } from "../../components/StateChip";
import type { VertexView } from "../../lib/vertices";
import { ByTaskManager } from "./ByTaskManager";
import { Lag } from "./Lag";
import { Subtasks } from "./Subtasks";

/** One vertex in detail, below the graph, so that both stay in sight. */
export function VertexPanel({ job, view, onClose }: { job: Job; view: VertexView; onClose: () => void }) {
  const [by, setBy] = useState<"subtask" | "taskmanager">("subtask");
  const { vertex } = view;
  return (
    <Card
      flush
      class="vertex-panel"
      title={
        <span class="vertex-title">
          <span title={vertex.name}>{vertex.name}</span> <StateChip state={vertex.status} />
        </span>
      }
      actions={
        <>
          {view.watermark !== null && <Lag watermark={view.watermark} />}
          <div class="segments" role="group" aria-label="Group by">
            <button type="button" aria-pressed={by === "subtask"} onClick={() => setBy("subtask")}>
              Subtasks
            </button>
            <button type="button" aria-pressed={by === "taskmanager"} onClick={() => setBy("taskmanager")}>
              TaskManagers
            </button>
          </div>
          <button type="button" class="icon-button" aria-label="Close the vertex" title="Close" onClick={onClose}>
            <Icon name="close" size={14} />
          </button>
        </>
      }
    >
      {by === "subtask" ? <Subtasks job={job} vertexId={vertex.id} /> : <ByTaskManager job={job} vertexId={vertex.id} />}
    </Card>
  );
}
