import { describe, expect, it } from "vitest";
import { layoutGraph, smoothPath } from "./layout";
import { graphModel } from "./plan";

const model = graphModel({
  name: "x",
  nodes: [
    { id: "c", parallelism: 1, description: "c", inputs: [{ id: "b", num: 0, ship_strategy: "HASH" }, { id: "a", num: 1, ship_strategy: "FORWARD" }] },
    { id: "b", parallelism: 1, description: "b", inputs: [{ id: "a", num: 0, ship_strategy: "REBALANCE" }] },
    { id: "a", parallelism: 1, description: "a" },
  ],
});
const node = { width: 200, height: 100 };

describe("layoutGraph", () => {
  it("flows to the right or down, without overlap", () => {
    for (const [direction, axis, size] of [["LR", "x", "width"], ["TB", "y", "height"]] as const) {
      const { nodes } = layoutGraph(model, node, direction);
      const [a, b, c] = ["a", "b", "c"].map((id) => nodes.get(id)?.[axis] ?? NaN);
      expect(b).toBeGreaterThanOrEqual((a ?? NaN) + node[size]);
      expect(c).toBeGreaterThanOrEqual((b ?? NaN) + node[size]);
    }
  });

  it("keeps every vertex and label inside the sheet", () => {
    const graph = layoutGraph(model, node, "LR");
    for (const { x, y } of graph.nodes.values()) {
      expect(x >= 0 && y >= 0 && x + node.width <= graph.width && y + node.height <= graph.height).toBe(true);
    }
    expect(graph.edges.map((edge) => edge.label).sort()).toEqual(["FORWARD", "HASH", "REBALANCE"]);
    expect(graph.edges.every((edge) => edge.path.startsWith("M") && edge.labelX > 0 && edge.labelX < graph.width)).toBe(true);
  });

  it("gives the same graph the same picture", () => {
    expect(layoutGraph(model, node, "LR")).toEqual(layoutGraph(model, node, "LR"));
  });

  it("draws a single vertex", () => {
    const one = layoutGraph(graphModel({ name: "x", nodes: [{ id: "a", parallelism: 1, description: "a" }] }), node, "LR");
    expect(one.width).toBeGreaterThanOrEqual(node.width);
    expect(one.edges).toEqual([]);
  });
});

describe("smoothPath", () => {
  it("passes through all points", () => {
    expect(smoothPath([{ x: 0, y: 0 }, { x: 10, y: 4 }], "LR")).toBe("M0,0 C5,0 5,4 10,4");
    expect(smoothPath([{ x: 0, y: 0 }, { x: 4, y: 10 }], "TB")).toBe("M0,0 C0,5 4,5 4,10");
    expect(smoothPath([], "LR")).toBe("");
  });
});
