import { Meter } from "../../components/Meter";
import { bytes, count, grouped, percent, rate } from "../../lib/format";
import type { ChainLine } from "../../lib/plan";
import { UNEVEN } from "../../lib/skew";
import { isOfNow } from "../../lib/watermark";
import { now } from "../../live/clock";
import { tone } from "../../lib/states";
import type { VertexView } from "../../lib/vertices";
import { Lag } from "./Lag";

interface Node {
  lines: ChainLine[];
  parallelism: number;
}

/** A vertex in the graph: its operators, what went through, how loaded it is. */
export function NodeBody({ view, node, live }: { view: VertexView | undefined; node: Node | undefined; live: boolean }) {
  const [head, ...chained] = node?.lines ?? [];
  const metrics = view?.vertex.metrics;
  return (
    <>
      <span class="node-head" title={node?.lines.map((line) => `${"  ".repeat(line.depth)}${line.text}`).join("\n")}>
        <span class={`dot tone-${tone(view?.vertex.status ?? "CREATED")}`} />
        <span class="node-name">{head?.text}</span>
        <span class="node-parallelism" title="Parallelism">
          ×{view?.vertex.parallelism ?? node?.parallelism}
        </span>
      </span>
      <span class="node-chain" title={chained.map((line) => line.text).join("\n")}>
        {chained.length > 0 ? chained.map((line) => line.text).join(" → ") : "\u00a0"}
      </span>
      {metrics && (
        <span class="node-io">
          <Flow name="in" records={metrics["read-records"]} size={metrics["read-bytes"]} recordRate={live ? view.rates.recordsIn : null} byteRate={live ? view.rates.bytesIn : null} />
          <Flow name="out" records={metrics["write-records"]} size={metrics["write-bytes"]} recordRate={live ? view.rates.recordsOut : null} byteRate={live ? view.rates.bytesOut : null} />
        </span>
      )}
      {view && live ? (
        <span class="node-load">
          <Share name="busy" title="The busiest subtask works this share of the time" share={view.busy} tone="busy" />
          <Share name="backpressured" title="The most held-up subtask waits this share of the time for the next vertex" share={view.backpressured} tone="backpressured" />
        </span>
      ) : (
        <span class="node-foot">{view?.vertex.status.toLowerCase()}</span>
      )}
      {view && (
        <span class="node-notes">
          {view.watermark !== null && isOfNow(now.value - view.watermark) && <Lag watermark={view.watermark} />}
          {view.skew !== null && (
            <span class={view.skew >= UNEVEN ? "lag-late" : ""} title="Data skew: the average distance of the subtasks from their mean, in percent of the mean. 0% is even.">
              skew <strong>{percent(view.skew)}</strong>
            </span>
          )}
          {view.state !== null && (
            <span title="State in the latest completed checkpoint">
              state <strong>{bytes(view.state)}</strong>
            </span>
          )}
        </span>
      )}
    </>
  );
}

function Share({ name, title, share, tone }: { name: string; title: string; share: number | null; tone: "busy" | "backpressured" }) {
  return (
    <span class="node-share" title={title}>
      <span>{name}</span>
      <span class="node-percent">{share === null ? "–" : percent(share)}</span>
      <Meter share={share} tone={tone} label={name} />
    </span>
  );
}

interface FlowProps {
  name: string;
  records: number;
  size: number;
  /** Null where only totals are known. */
  recordRate: number | null;
  byteRate: number | null;
}

/** What goes in or out: per second while it runs, in all before and after. */
function Flow({ name, records, size, recordRate, byteRate }: FlowProps) {
  const none = records === 0 && size === 0;
  return (
    <span class={`flow ${none ? "flow-none" : ""}`} title={`${grouped(records)} records ${name}${size > 0 ? `, ${bytes(size)}` : ""}, since it started`}>
      <span class="flow-name">{name}</span>
      <span class="flow-records">{recordRate === null ? count(records) : `${rate(recordRate)}/s`}</span>
      <span class="flow-bytes">{size === 0 ? "" : byteRate === null ? bytes(size) : `${bytes(byteRate)}/s`}</span>
    </span>
  );
}

/** A vertex in words. */
export function describeVertex(view: VertexView | undefined, node: Node | undefined): string {
  const name = node?.lines.map((line) => line.text).join(", then ") ?? "";
  if (!view) return name;
  const parts = [name, view.vertex.status.toLowerCase(), `parallelism ${view.vertex.parallelism}`];
  if (view.busy !== null) parts.push(`busy ${percent(view.busy)}`);
  if (view.backpressured !== null) parts.push(`backpressured ${percent(view.backpressured)}`);
  if (view.skew !== null) parts.push(`data skew ${percent(view.skew)}`);
  if (view.state !== null) parts.push(`state ${bytes(view.state)}`);
  return parts.join(", ");
}
