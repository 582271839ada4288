import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Icon } from "../../../components/Icon";
import { StateChip } from "../../../components/StateChip";
import { type VertexView as Part, VERTEX_VIEWS } from "../../../lib/route";
import type { VertexView } from "../../../lib/vertices";
import { isMissing } from "../../../live/endpoints";
import { current, setQuery } from "../../../live/location";
import { Lag } from "../Lag";
import { AccumulatorsView } from "./AccumulatorsView";
import { BackPressureView } from "./BackPressureView";
import { ByTaskManager } from "./ByTaskManager";
import { FlameGraphView } from "./FlameGraphView";
import { StateView } from "./StateView";
import { Subtasks } from "./Subtasks";

const TITLES: Record<Part, string> = { subtasks: "Subtasks", taskmanagers: "TaskManagers", backpressure: "Backpressure", state: "State", accumulators: "Accumulators", flamegraph: "Flame graph" };

/** One vertex in detail, below the graph, so that both stay in sight. Which part of it stands in the address. */
export function VertexPanel({ job, view, onClose }: { job: Job; view: VertexView; onClose: () => void }) {
  const { vertex } = view;
  const asked = current.value.query.get("view");
  const parts = VERTEX_VIEWS.filter((part) => !((part === "flamegraph" || part === "accumulators") && isMissing(part)));
  const part = parts.find((id) => id === asked) ?? "subtasks";
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
          <div class="segments" role="group" aria-label="Parts of the vertex">
            {parts.map((id) => (
              <button key={id} type="button" aria-pressed={id === part} onClick={() => setQuery("view", id === "subtasks" ? "" : id)}>
                {TITLES[id]}
              </button>
            ))}
          </div>
          <button type="button" class="icon-button" aria-label="Close the vertex" title="Close (Escape)" onClick={onClose}>
            <Icon name="close" size={14} />
          </button>
        </>
      }
    >
      {part === "subtasks" && <Subtasks job={job} vertexId={vertex.id} parallelism={vertex.parallelism} />}
      {part === "taskmanagers" && <ByTaskManager job={job} vertexId={vertex.id} />}
      {part === "backpressure" && <BackPressureView job={job} vertexId={vertex.id} />}
      {part === "state" && <StateView job={job} vertexId={vertex.id} />}
      {part === "accumulators" && <AccumulatorsView job={job} vertexId={vertex.id} />}
      {part === "flamegraph" && <FlameGraphView job={job} vertexId={vertex.id} parallelism={vertex.parallelism} />}
    </Card>
  );
}
