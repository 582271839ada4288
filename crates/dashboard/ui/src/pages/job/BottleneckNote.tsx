import type { Job } from "../../api/types";
import { Icon } from "../../components/Icon";
import { bottleneck } from "../../lib/back-pressure";
import { percent } from "../../lib/format";
import type { GraphModel } from "../../lib/plan";
import { link } from "../../lib/route";
import type { VertexView } from "../../lib/vertices";

/** What limits the job, if anything does: what the colors of the graph say, in words. */
export function BottleneckNote({ job, model, views }: { job: Job; model: GraphModel; views: ReadonlyMap<string, VertexView> }) {
  const found = bottleneck(model, views);
  if (!found) return null;
  const name = (id: string) => views.get(id)?.vertex.name ?? id;
  return (
    <p class="bottleneck">
      <Icon name="overview" size={15} />
      <span>
        <a href={link.job(job.jid, "graph", found.id)}>{name(found.id)}</a> limits this job: its busiest subtask works {percent(found.busy)} of the time, and {found.holdsUp.map(name).join(", ")} {found.holdsUp.length === 1 ? "waits" : "wait"} for it.{" "}
        <a href={link.job(job.jid, "graph", found.id, "flamegraph")}>See where its time goes</a>
      </span>
    </p>
  );
}
