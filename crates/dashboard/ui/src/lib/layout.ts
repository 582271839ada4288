import { Graph, layout as dagreLayout } from "@dagrejs/dagre";
import type { GraphModel } from "./plan";

export interface Size {
  width: number;
  height: number;
}

export interface GraphLayout extends Size {
  /** Top left corners by vertex id. */
  nodes: Map<string, { x: number; y: number }>;
  edges: { id: string; from: string; to: string; path: string; label: string; labelX: number; labelY: number }[];
}

export type Direction = "LR" | "TB";

/** Places vertices and edges; the same graph always gets the same picture. */
export function layoutGraph(model: GraphModel, node: Size, direction: Direction): GraphLayout {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 28, ranksep: direction === "LR" ? 36 : 26, edgesep: 16, marginx: 16, marginy: 16 });
  for (const { id } of model.nodes) graph.setNode(id, { ...node });
  for (const edge of model.edges) {
    graph.setEdge(edge.from, edge.to, { width: labelWidth(edge.label), height: 20, labelpos: "c" }, edge.id);
  }
  dagreLayout(graph);
  const whole = graph.graph() as { width?: number; height?: number };
  return {
    width: Math.max(whole.width ?? 0, node.width),
    height: Math.max(whole.height ?? 0, node.height),
    nodes: new Map(
      model.nodes.map(({ id }) => {
        const at = graph.node(id) as { x: number; y: number };
        return [id, { x: at.x - node.width / 2, y: at.y - node.height / 2 }];
      }),
    ),
    edges: model.edges.map((edge) => {
      const at = graph.edge(edge.from, edge.to, edge.id) as { points: Point[]; x?: number; y?: number };
      const middle = at.points[Math.floor(at.points.length / 2)] ?? { x: 0, y: 0 };
      return {
        id: edge.id,
        from: edge.from,
        to: edge.to,
        label: edge.label,
        path: smoothPath(at.points, direction),
        labelX: at.x ?? middle.x,
        labelY: at.y ?? middle.y,
      };
    }),
  };
}

export function labelWidth(label: string): number {
  return label === "" ? 24 : label.length * 7 + 22;
}

export interface Point {
  x: number;
  y: number;
}

/** A curve through all points that leaves and enters vertices in the direction of the flow. */
export function smoothPath(points: readonly Point[], direction: Direction): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${num(first.x)},${num(first.y)}`;
  let from = first;
  for (const to of rest) {
    if (direction === "LR") {
      const middle = (from.x + to.x) / 2;
      path += ` C${num(middle)},${num(from.y)} ${num(middle)},${num(to.y)} ${num(to.x)},${num(to.y)}`;
    } else {
      const middle = (from.y + to.y) / 2;
      path += ` C${num(from.x)},${num(middle)} ${num(to.x)},${num(middle)} ${num(to.x)},${num(to.y)}`;
    }
    from = to;
  }
  return path;
}

function num(value: number): string {
  return String(Math.round(value * 10) / 10);
}
