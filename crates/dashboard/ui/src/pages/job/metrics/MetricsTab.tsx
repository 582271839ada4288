import { useMemo, useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { Job } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Icon } from "../../../components/Icon";
import { Empty } from "../../../components/Notice";
import { SpanPicker } from "../../../components/SpanPicker";
import { lineKey } from "../../../lib/history";
import { MOST_PICKED, type Picked, firstPicks, pickKey, readPicked, resolvePicked } from "../../../lib/picked-metrics";
import { isSettled, isTerminal } from "../../../lib/states";
import { orderedVertices } from "../../../lib/vertices";
import { serverNow } from "../../../live/connection";
import { isMissing } from "../../../live/endpoints";
import { useHistory } from "../../../live/history";
import { usePoll } from "../../../live/poll";
import { remembered } from "../../../live/remembered";
import { takeSamples } from "../../../live/samples";
import { MetricChart } from "./MetricChart";
import { MetricPicker } from "./MetricPicker";
import { useOffers } from "./offers";

/** The charts that the viewer wants of this job; jobs of the same name share them, so that a new run of a program shows the same. */
export function MetricsTab({ job }: { job: Job }) {
  const { model, vertices } = orderedVertices(job);
  const sources = new Set(model.nodes.filter(({ isSource }) => isSource).map(({ id }) => id));
  const choice = useMemo(() => remembered<Picked[] | null>(`flott.metrics.${job.name}`, null, readPicked), [job.name]);
  const [adding, setAdding] = useState(false);
  const kept = !isMissing("history");
  const picked = resolvePicked(choice.value ?? firstPicks(vertices, sources, "history"), vertices).map((pick): Picked => (kept || pick.how !== "history" ? pick : { ...pick, how: "sum" }));
  const offered = useOffers(job, vertices);

  const past = picked.filter(({ how }) => how === "history");
  const ids = [...new Set(past.map(({ id }) => id))].sort();
  const of = [...new Set(past.flatMap(({ vertex }) => vertex ?? []))].sort();
  const ofJob = past.some(({ vertex }) => vertex === null);
  const history = useHistory(
    `metrics/${job.jid}/${ids.join()}/${ofJob ? "" : of.join()}`,
    (query, signal) => api.jobHistory(job.jid, query, signal),
    // Lines of the job itself come only if no vertices are named.
    { get: ids, ...(ofJob || of.length === 0 ? {} : { vertices: of }) },
    { settled: isSettled(job), enabled: ids.length > 0 },
  );
  const samples = usePoll(`samples/${job.jid}`, (signal) => takeSamples(job.jid, picked, serverNow, signal), {
    enabled: !isTerminal(job.state) && picked.some(({ how }) => how !== "history"),
    keep: false,
  });

  const replace = (old: Picked, next: Picked | null) => choice.set(picked.flatMap((pick) => (pickKey(pick) === pickKey(old) ? (next ?? []) : pick)));
  const toggle = (pick: Picked) => {
    const same = picked.find(({ id, vertex }) => id === pick.id && vertex === pick.vertex);
    if (same) replace(same, null);
    else if (picked.length < MOST_PICKED) choice.set([...picked, pick]);
  };
  return (
    <>
      <div class="page-head">
        <span class="muted">Charts are remembered for jobs named {job.name}.</span>
        <span class="toolbar-end">
          {choice.value !== null && (
            <button type="button" class="link" onClick={() => choice.set(null)}>
              Begin anew
            </button>
          )}
          <SpanPicker />
          <button type="button" class="button button-primary" aria-expanded={adding} onClick={() => setAdding(!adding)}>
            <Icon name={adding ? "check" : "plus"} size={14} /> {adding ? "Done" : "Add metrics"}
          </button>
        </span>
      </div>
      {adding && <MetricPicker offers={offered} picked={picked} vertices={vertices} onToggle={toggle} onClose={() => setAdding(false)} />}
      {picked.length === 0 ? (
        <Card>
          <Empty icon="overview" title="No metric is picked">
            Pick some with “Add metrics”.
          </Empty>
        </Card>
      ) : (
        <div class="metric-grid">
          {picked.map((pick) => (
            <MetricChart
              key={lineKey(pick.id, pick.vertex)}
              job={job}
              pick={pick}
              offer={offered.find(({ id, vertex }) => id === pick.id && vertex === pick.vertex) ?? null}
              parallelism={vertices.find(({ id }) => id === pick.vertex)?.parallelism ?? 0}
              history={history.store}
              version={pick.how === "history" ? history.version : (samples.data ?? 0)}
              onHow={(how) => replace(pick, { ...pick, how })}
              onRemove={() => replace(pick, null)}
            />
          ))}
        </div>
      )}
    </>
  );
}
