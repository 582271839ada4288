import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type GraphLayout, type Size, labelWidth, layoutGraph } from "../lib/layout";
import { type GraphModel, topological } from "../lib/plan";
import { Icon } from "./Icon";

interface Props {
  model: GraphModel;
  node: Size;
  /** What stands in a vertex. */
  render: (id: string) => ComponentChildren;
  /** The vertex in words, for screen readers. */
  describe: (id: string) => string;
  nodeClass?: (id: string) => string;
  /** Variables that the style sheet colors a vertex by. */
  nodeStyle?: (id: string) => Record<string, string>;
  selected?: string | null;
  onSelect?: (id: string) => void;
  /** Draws the edges as moving. */
  flowing?: boolean;
}

/** Below this width the graph runs from top to bottom. */
const NARROW = 680;
const SMALLEST = 0.4;
/** Fitting stops where text becomes too small to read; the rest is scrolled to. */
const SMALLEST_FIT = { wide: 0.55, narrow: 0.7 };
const STEP = 1.25;

/** A laid-out graph that fits its place, can be zoomed and dragged, and is walked by Tab. */
export function GraphView({ model, node, render, describe, nodeClass, nodeStyle, selected, onSelect, flowing = false }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [zoom, setZoom] = useState<number | null>(null); // null: fit
  // Before the first frame is drawn, so that nothing below has to make room.
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);

  const narrow = width < NARROW;
  // Polls give equal graphs in new objects: only another shape is laid out anew.
  const shape = JSON.stringify([model.nodes.map((n) => n.id), model.edges]);
  const graph = useMemo(() => layoutGraph(model, node, narrow ? "TB" : "LR"), [shape, narrow, node.width, node.height]);
  const fit = Math.max(narrow ? SMALLEST_FIT.narrow : SMALLEST_FIT.wide, Math.min(1, (width - 2) / graph.width));
  const scale = zoom ?? fit;
  const set = (next: number) => setZoom(Math.min(2, Math.max(SMALLEST, next)));

  return (
    <div class="graph">
      <div ref={frame} class="graph-frame" {...dragToScroll(frame)}>
        {width > 0 && (
          <div class="graph-sheet" style={{ width: `${graph.width * scale}px`, height: `${graph.height * scale}px` }}>
            <div class="graph-content" style={{ width: `${graph.width}px`, height: `${graph.height}px`, transform: `scale(${scale})` }}>
              <Edges graph={graph} flowing={flowing} />
              {/* In the order of the flow, so that Tab walks with the records. */}
              {topological(model).map((id) => {
                const at = graph.nodes.get(id);
                if (!at) return null;
                const place = { left: `${at.x}px`, top: `${at.y}px`, width: `${node.width}px`, height: `${node.height}px`, ...nodeStyle?.(id) };
                const name = `node ${nodeClass?.(id) ?? ""} ${selected === id ? "node-selected" : ""}`;
                return onSelect ? (
                  <button key={id} type="button" class={name} style={place} aria-pressed={selected === id} aria-label={describe(id)} onClick={() => onSelect(id)}>
                    {render(id)}
                  </button>
                ) : (
                  <div key={id} class={name} style={place} tabIndex={0} role="group" aria-label={describe(id)}>
                    {render(id)}
                  </div>
                );
              })}
            </div>
          </div>
        )}
      </div>
      <div class="graph-tools">
        <button type="button" class="icon-button" aria-label="Zoom out" title="Zoom out" onClick={() => set(scale / STEP)}>
          <Icon name="minus" size={14} />
        </button>
        <button type="button" class="icon-button" aria-label="Zoom in" title="Zoom in" onClick={() => set(scale * STEP)}>
          <Icon name="plus" size={14} />
        </button>
        <button type="button" class="icon-button" aria-label="Fit the graph" title="Fit" onClick={() => setZoom(null)}>
          <Icon name="fit" size={14} />
        </button>
      </div>
    </div>
  );
}

function Edges({ graph, flowing }: { graph: GraphLayout; flowing: boolean }) {
  return (
    <svg class={`edges ${flowing ? "edges-flowing" : ""}`} width={graph.width} height={graph.height} aria-hidden="true">
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path d="M0,0.5 L7,4 L0,7.5 z" class="arrow" />
        </marker>
      </defs>
      {graph.edges.map((edge) => (
        <path key={edge.id} d={edge.path} class="edge" marker-end="url(#arrow)" />
      ))}
      {graph.edges.map((edge) =>
        edge.label === "" ? null : (
          <g key={edge.id} transform={`translate(${edge.labelX},${edge.labelY})`} class="edge-label">
            <rect x={-labelWidth(edge.label) / 2 + 4} y={-9} width={labelWidth(edge.label) - 8} height={18} rx={9} />
            <text text-anchor="middle" dominant-baseline="central">
              {edge.label}
            </text>
          </g>
        ),
      )}
    </svg>
  );
}

/** Dragging the background scrolls; touch screens scroll by themselves. */
function dragToScroll(frame: { current: HTMLDivElement | null }) {
  return {
    onPointerDown: (event: PointerEvent) => {
      const element = frame.current;
      if (!element || event.pointerType !== "mouse" || event.button !== 0) return;
      if (event.target instanceof Element && event.target.closest(".node")) return;
      const from = { x: event.clientX + element.scrollLeft, y: event.clientY + element.scrollTop };
      const move = (e: PointerEvent) => element.scrollTo(from.x - e.clientX, from.y - e.clientY);
      const end = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", end);
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
    },
  };
}
