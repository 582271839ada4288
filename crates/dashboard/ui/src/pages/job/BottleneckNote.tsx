import type { Job } from "../../api/types";
import { Icon } from "../../components/Icon";
import { bottleneck, busiest } from "../../lib/back-pressure";
import { percent } from "../../lib/format";
import type { GraphModel } from "../../lib/plan";
import { link } from "../../lib/route";
import type { VertexView } from "../../lib/vertices";

/** What limits the job, or that nothing does: what the colors of the graph say, in words. It always has its place, so that nothing moves when it changes. */
export function BottleneckNote({ job, model, views }: { job: Job; model: GraphModel; views: ReadonlyMap<string, VertexView> }) {
  const found = bottleneck(model, views);
  const most = busiest(views);
  const name = (id: string) => views.get(id)?.vertex.name ?? id;
  const vertex = (id: string) => <a href={link.job(job.jid, "graph", id)}>{name(id)}</a>;
  if (found) {
    return (
      <p class="bottleneck bottleneck-found">
        <Icon name="alert" size={15} />
        <span>
          {vertex(found.id)} limits this job: its busiest subtask works {percent(found.busy)} of the time, and {found.holdsUp.map(name).join(", ")} {found.holdsUp.length === 1 ? "waits" : "wait"} for it.{" "}
          <a href={link.job(job.jid, "graph", found.id, "flamegraph")}>See where its time goes</a>
        </span>
      </p>
    );
  }
  return (
    <p class="bottleneck">
      <Icon name="check" size={15} />
      {most ? (
        <span>
          No vertex waits for another. The most work has {vertex(most.id)}, whose busiest subtask works {percent(most.busy)} of the time.
        </span>
      ) : (
        <span class="muted">Measuring the load of its vertices</span>
      )}
    </p>
  );
}
