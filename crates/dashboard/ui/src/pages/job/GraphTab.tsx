import { useEffect } from "preact/hooks";
import { api } from "../../api/client";
import type { Job } from "../../api/types";
import { Card } from "../../components/Card";
import { GraphView } from "../../components/GraphView";
import { Empty } from "../../components/Notice";
import { plural } from "../../lib/format";
import { link } from "../../lib/route";
import { isTerminal } from "../../lib/states";
import { NO_RATES, historyOf } from "../../lib/throughput";
import { LOAD_METRICS, type VertexView, heatOf, orderedVertices, ratesOf, shareOf, skewOf } from "../../lib/vertices";
import { lowWatermark } from "../../lib/watermark";
import { current } from "../../live/location";
import { usePoll } from "../../live/poll";
import { dialogIsOpen, isTyping } from "../../live/shortcuts";
import { useStateSizes } from "../../live/state-sizes";
import { BottleneckNote } from "./BottleneckNote";
import { JobCharts } from "./JobCharts";
import { NodeBody, describeVertex } from "./NodeBody";
import { VertexPanel } from "./vertex/VertexPanel";
import { VertexTable } from "./VertexTable";

const NODE = { width: 246, height: 148 };
/** Very large graphs get their load from the counters alone, which come with the job in one answer. */
const POLLED_VERTICES = 40;

/** Load and watermark of every vertex, in one round of calls. */
function useLoad(job: Job) {
  const enabled = job.state === "RUNNING" && job.vertices.length <= POLLED_VERTICES;
  const { data } = usePoll(
    `load/${job.jid}`,
    async (signal) => {
      const parts = await Promise.allSettled(
        job.vertices.map(async ({ id, parallelism }) => {
          const [metrics, marks] = await Promise.all([api.subtaskMetrics(job.jid, id, LOAD_METRICS, signal), api.watermarks(job.jid, id, signal)]);
          return [id, { rates: ratesOf(metrics), busy: shareOf(metrics, LOAD_METRICS[0]), backpressured: shareOf(metrics, LOAD_METRICS[1]), watermark: lowWatermark(marks), skew: skewOf(metrics, LOAD_METRICS[2], parallelism) }] as const;
        }),
      );
      return new Map(parts.flatMap((part) => (part.status === "fulfilled" ? [part.value] : [])));
    },
    { enabled },
  );
  return enabled ? data : null;
}

/** The graph, what it is made of, and how fast it runs. */
export function GraphTab({ job, selected }: { job: Job; selected: string | null }) {
  const load = useLoad(job);
  const state = useStateSizes(job);
  const history = historyOf(job.jid);
  const { model, vertices } = orderedVertices(job);
  const live = !isTerminal(job.state);
  const views = new Map(
    vertices.map((vertex): [string, VertexView] => {
      const rates = history.vertex(vertex.id);
      const known = load?.get(vertex.id);
      return [
        vertex.id,
        {
          vertex,
          rates: live ? { ...rates, ...(rates.recordsIn === null && known ? known.rates : {}) } : NO_RATES,
          busy: vertex.status === "RUNNING" ? (known?.busy ?? rates.busy) : null,
          backpressured: vertex.status === "RUNNING" ? (known?.backpressured ?? rates.backpressured) : null,
          watermark: known?.watermark ?? null,
          skew: known?.skew ?? null,
          state: state.get(vertex.id) ?? null,
        },
      ];
    }),
  );
  const chosen = selected === null ? undefined : views.get(selected);
  const select = (id: string | null) => {
    location.replace(link.job(job.jid, "graph", id, current.peek().query.get("view")));
  };
  useEffect(() => {
    if (selected === null) return;
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && !isTyping(event.target) && !dialogIsOpen()) select(null);
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [selected]);
  if (model.nodes.length === 0) {
    return (
      <Card>
        <Empty icon="graph" title="The graph is not known yet">
          The JobManager runs the program to learn it. This takes a moment.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Card
        flush
        title="Graph"
        actions={
          live && (
            <span class="graph-legend" aria-hidden="true">
              <span class="key key-busy">busy</span>
              <span class="key key-backpressured">backpressured</span>
              <span>the fuller the color, the more of its time</span>
            </span>
          )
        }
      >
        {job.state === "RUNNING" && <BottleneckNote job={job} model={model} views={views} />}
        <GraphView
          model={model}
          node={NODE}
          flowing={job.state === "RUNNING"}
          selected={selected}
          onSelect={(id) => select(id === selected ? null : id)}
          describe={(id) => describeVertex(views.get(id), model.nodes.find((node) => node.id === id))}
          nodeClass={(id) => nodeClass(views.get(id))}
          nodeStyle={(id) => heat(views.get(id))}
          render={(id) => <NodeBody view={views.get(id)} node={model.nodes.find((node) => node.id === id)} live={live} />}
        />
      </Card>
      {chosen && <VertexPanel key={chosen.vertex.id} job={job} view={chosen} onClose={() => select(null)} />}
      <JobCharts job={job} vertices={vertices} vertex={chosen?.vertex ?? null} />
      <Card flush title={plural(vertices.length, "vertex").replace(/vertexs$/, "vertices")}>
        <VertexTable views={vertices.flatMap((vertex) => views.get(vertex.id) ?? [])} live={live} selected={selected} onSelect={select} />
      </Card>
    </>
  );
}

function nodeClass(view: VertexView | undefined): string {
  if (!view) return "";
  const state = view.vertex.status.toLowerCase();
  return heatOf(view.busy, view.backpressured).kind === null ? `node-${state}` : `node-${state} node-${heatOf(view.busy, view.backpressured).kind}`;
}

/** The more a vertex is busy or held up, the more it stands out. */
function heat(view: VertexView | undefined): Record<string, string> {
  const { kind, degree } = heatOf(view?.busy ?? null, view?.backpressured ?? null);
  return kind === null ? {} : { "--heat": `${degree}%` };
}
