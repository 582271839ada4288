import { expect, it } from "vitest";
import type { Rescale } from "../api/observe-types";
import type { Vertex } from "../api/types";
import type { GraphModel } from "./plan";
import { askedRescale, parallelismError, requirementsFor, rescaleGroups, rescaleOutcome, slotsFor } from "./rescale";

const vertex = (id: string, maxParallelism = 128) => ({ id, name: id, parallelism: 2, maxParallelism }) as Vertex;
const model = (...edges: [string, string, string][]): GraphModel => ({ nodes: [], edges: edges.map(([from, to, label], i) => ({ id: String(i), from, to, label })) });

it("keeps vertices together between which records go straight on", () => {
  const groups = rescaleGroups(model(["a", "b", "HASH"], ["b", "c", "FORWARD"], ["a", "d", "FORWARD"], ["gone", "a", "FORWARD"]), [vertex("a"), vertex("b", 64), vertex("c", 16), vertex("d", -1)]);
  expect(groups.map(({ vertices, most }) => [vertices.map(({ id }) => id), most])).toEqual([[["a", "d"], 128], [["b", "c"], 16]]);
});

it("names what can't be", () => {
  expect(parallelismError("3", 4)).toBeNull();
  for (const wrong of ["0", "5", "1.5", "", "two"]) expect(parallelismError(wrong, 4)).toBe("Give a whole number from 1 to 4.");
});

it("asks for what is wished, and keeps lower bounds that fit", () => {
  const now = { a: { parallelism: { lowerBound: 2, upperBound: 2 } } };
  expect(requirementsFor(new Map([["a", 4], ["b", 3]]), now)).toEqual({ a: { parallelism: { lowerBound: 2, upperBound: 4 } }, b: { parallelism: { lowerBound: 1, upperBound: 3 } } });
  expect(requirementsFor(new Map([["a", 1]]), now).a?.parallelism).toEqual({ lowerBound: 1, upperBound: 1 });
  expect(slotsFor(new Map([["a", 4], ["b", 3]]))).toBe(4);
});

const rescale = (startTimestampInMillis: number, more: Partial<Rescale> = {}): Rescale => ({
  rescaleUuid: String(startTimestampInMillis), vertices: {}, startTimestampInMillis, endTimestampInMillis: null, terminalState: null, triggerCause: "UPDATE_REQUIREMENT", terminatedReason: null, ...more,
});

it("finds the rescale that was asked for", () => {
  const list = [rescale(100_000, { triggerCause: "NEW_RESOURCE_AVAILABLE" }), rescale(99_000), rescale(50_000)];
  expect(askedRescale(list, 100_000)?.rescaleUuid).toBe("99000");
  expect(askedRescale(list, 200_000)).toBeNull();
});

it("says how a rescale goes", () => {
  expect(rescaleOutcome(null).title).toBe("Rescaling");
  expect(rescaleOutcome(rescale(1000, { endTimestampInMillis: 3500, terminalState: "COMPLETED", terminatedReason: "SUCCEEDED" }))).toEqual({ state: "done", title: "Rescaled in 2.5 s", detail: "" });
  expect(rescaleOutcome(rescale(1000, { terminalState: "IGNORED", terminatedReason: "NO_RESOURCES_OR_PARALLELISMS_CHANGE" })).detail).toBe("no resources or parallelisms change");
  expect(rescaleOutcome(rescale(1000, { terminalState: "FAILED", message: "no checkpoint" }))).toEqual({ state: "failed", title: "The job was not rescaled", detail: "no checkpoint" });
});
