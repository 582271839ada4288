import type { Plan } from "../api/types";

/** One operator of a chain: `depth` 0 is the head, chained operators are deeper. */
export interface ChainLine {
  depth: number;
  text: string;
}

/** A graph as it is drawn: vertices, and edges in the direction of the records. */
export interface GraphModel {
  nodes: { id: string; lines: ChainLine[]; parallelism: number; isSource: boolean; isSink: boolean }[];
  edges: { id: string; from: string; to: string; label: string }[];
}

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", "#39": "'", nbsp: " " };

/** Splits a plan's description into lines. It is never treated as HTML: what looks like a tag is text. */
export function chainLines(description: string): ChainLine[] {
  return description
    .split(/<br\s*\/?>|\n/i)
    .map((line) => line.replace(/&(#39|[a-z]+);/g, (whole, name: string) => ENTITIES[name] ?? whole))
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const match = /^([\s:]*)\+-\s*(.*)$/.exec(line);
      if (!match) return { depth: 0, text: line.trim() };
      return { depth: 1 + Math.floor((match[1] ?? "").length / 3), text: (match[2] ?? "").trim() };
    });
}

/** Reads a plan of the REST API. Inputs that name no node of the plan are left out. */
export function graphModel(plan: Plan | null | undefined): GraphModel {
  const planned = plan?.nodes ?? [];
  const ids = new Set(planned.map((node) => node.id));
  const edges = planned.flatMap((node) =>
    (node.inputs ?? [])
      .filter((input) => ids.has(input.id))
      .map((input, index) => ({
        id: `${input.id}>${node.id}#${index}`,
        from: input.id,
        to: node.id,
        label: input.ship_strategy ?? "",
      })),
  );
  const withOutput = new Set(edges.map((edge) => edge.from));
  const withInput = new Set(edges.map((edge) => edge.to));
  const nodes = planned.map((node) => {
    const lines = chainLines(node.description || node.operator || "");
    return {
      id: node.id,
      lines: lines.length > 0 ? lines : [{ depth: 0, text: node.id }],
      parallelism: node.parallelism,
      isSource: !withInput.has(node.id),
      isSink: !withOutput.has(node.id),
    };
  });
  return { nodes, edges };
}

/** Vertex ids from the sources to the sinks, for tables: plans list the sinks first. */
export function topological(model: GraphModel): string[] {
  const waiting = new Map(model.nodes.map((node) => [node.id, 0]));
  for (const edge of model.edges) waiting.set(edge.to, (waiting.get(edge.to) ?? 0) + 1);
  // Reversed, since of two sources the one listed last was built first.
  const ready = model.nodes.map((node) => node.id).filter((id) => waiting.get(id) === 0).reverse();
  const order: string[] = [];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    order.push(id);
    for (const edge of model.edges) {
      if (edge.from !== id) continue;
      const left = (waiting.get(edge.to) ?? 0) - 1;
      waiting.set(edge.to, left);
      if (left === 0) ready.push(edge.to);
    }
  }
  // A cycle (iterations) leaves vertices over: they still belong into the table.
  return order.concat(model.nodes.map((node) => node.id).filter((id) => !order.includes(id)));
}
