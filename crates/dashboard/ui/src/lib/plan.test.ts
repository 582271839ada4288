import { describe, expect, it } from "vitest";
import type { Plan } from "../api/types";
import { chainLines, graphModel, topological } from "./plan";

const plan: Plan = {
  name: "win-job",
  nodes: [
    { id: "sink", parallelism: 1, description: "discard: Writer<br/>", inputs: [{ id: "window", num: 0, ship_strategy: "REBALANCE" }] },
    { id: "window", parallelism: 2, description: "Window<br/>+- Map<br/>", inputs: [{ id: "source", num: 0, ship_strategy: "HASH" }, { id: "gone", num: 1 }] },
    { id: "source", parallelism: 2, description: "Source: gen<br/>" },
  ],
};

describe("chainLines", () => {
  it("reads chained operators with their depth", () => {
    expect(chainLines("Source: gen<br/>+- Map<br/>   +- Sink<br/>")).toEqual([
      { depth: 0, text: "Source: gen" },
      { depth: 1, text: "Map" },
      { depth: 2, text: "Sink" },
    ]);
  });

  it("keeps markup of a user as text", () => {
    expect(chainLines("map <img src=x onerror=alert(1)><br/>").map((line) => line.text)).toEqual(["map <img src=x onerror=alert(1)>"]);
    expect(chainLines("filter &lt;b&gt; &amp; more &unknown;").map((line) => line.text)).toEqual(["filter <b> & more &unknown;"]);
  });
});

describe("graphModel", () => {
  it("directs edges along the records and leaves unknown inputs out", () => {
    const model = graphModel(plan);
    expect(model.edges.map(({ from, to, label }) => [from, to, label])).toEqual([
      ["window", "sink", "REBALANCE"],
      ["source", "window", "HASH"],
    ]);
    expect(model.nodes.map((node) => [node.id, node.isSource, node.isSink])).toEqual([
      ["sink", false, true],
      ["window", false, false],
      ["source", true, false],
    ]);
  });

  it("names a vertex without a description by its id", () => {
    expect(graphModel({ name: "x", nodes: [{ id: "a", parallelism: 1, description: "" }] }).nodes[0]?.lines).toEqual([{ depth: 0, text: "a" }]);
  });

  it("keeps two inputs from the same vertex apart", () => {
    const twice = graphModel({
      name: "x",
      nodes: [
        { id: "b", parallelism: 1, description: "b", inputs: [{ id: "a", num: 0 }, { id: "a", num: 1 }] },
        { id: "a", parallelism: 1, description: "a" },
      ],
    });
    expect(new Set(twice.edges.map((edge) => edge.id)).size).toBe(2);
  });
});

describe("topological", () => {
  it("orders from sources to sinks", () => {
    expect(topological(graphModel(plan))).toEqual(["source", "window", "sink"]);
  });

  it("keeps the vertices of a cycle", () => {
    const cycle = graphModel({
      name: "x",
      nodes: [
        { id: "a", parallelism: 1, description: "a", inputs: [{ id: "b", num: 0 }] },
        { id: "b", parallelism: 1, description: "b", inputs: [{ id: "a", num: 0 }] },
      ],
    });
    expect(topological(cycle).sort()).toEqual(["a", "b"]);
  });
});
