import { api } from "../../api/client";
import type { Plan } from "../../api/types";
import { GraphView } from "../../components/GraphView";
import { Empty } from "../../components/Notice";
import { plural } from "../../lib/format";
import { graphModel } from "../../lib/plan";
import { usePoll } from "../../live/poll";

const NODE = { width: 220, height: 66 };

/** The graph that a program builds, before it runs. */
export function PlanPreview({ plan }: { plan: Plan }) {
  const model = graphModel(plan);
  const { data: cluster } = usePoll("plan-slots", api.overview);
  if (model.nodes.length === 0) return <Empty icon="graph" title="The program built an empty graph" />;
  const node = (id: string) => model.nodes.find((n) => n.id === id);
  const subtasks = model.nodes.reduce((sum, n) => sum + n.parallelism, 0);
  const slots = Math.max(...model.nodes.map((n) => n.parallelism));
  return (
    <div class="plan">
      <p class="muted">
        {plan.name}: {plural(subtasks, "subtask")}, needs {plural(slots, "slot")}
        {cluster && <Free free={cluster["slots-available"]} needed={slots} />}
      </p>
      <GraphView
        model={model}
        node={NODE}
        describe={(id) => `${node(id)?.lines.map((line) => line.text).join(", then ")}, parallelism ${node(id)?.parallelism}`}
        render={(id) => {
          const [head, ...chained] = node(id)?.lines ?? [];
          return (
            <>
              <span class="node-head" title={head?.text}>
                <span class="node-name">{head?.text}</span>
                <span class="node-parallelism">×{node(id)?.parallelism}</span>
              </span>
              <span class="node-chain" title={chained.map((line) => line.text).join("\n")}>
                {chained.map((line) => line.text).join(" → ")}
              </span>
            </>
          );
        }}
      />
    </div>
  );
}

/** Whether the job could start now. */
function Free({ free, needed }: { free: number; needed: number }) {
  const text = `, ${free === 0 ? "none is" : free === 1 ? "1 is" : `${free} are`} free`;
  return free >= needed ? <>{text}</> : <span class="text-warning">{text}: it would wait for more</span>;
}
