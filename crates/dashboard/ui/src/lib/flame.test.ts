import { expect, it } from "vitest";
import type { FlameNode } from "../api/observe-types";
import { follow, hueOf, keyOf, layoutFlame, matchedShare, neighbor } from "./flame";

const node = (name: string, value: number, children: FlameNode[] = []): FlameNode => ({ name, value, children });
const root = node("root", 100, [node("b", 30, [node("x::deep", 10)]), node("a", 60, [node("x::deep", 40), node("tiny", 0.01)])]);

it("lays frames out by their samples, the costliest first", () => {
  const frames = layoutFlame(root, ["root"]);
  expect(frames.map(({ name, depth, x, width }) => [name, depth, x, width])).toEqual([
    ["root", 0, 0, 1],
    ["a", 1, 0, 0.6],
    ["x::deep", 2, 0, 0.4],
    ["b", 1, 0.6, 0.3],
    ["x::deep", 2, 0.6, 0.1],
  ]);
  expect(frames.find(({ name }) => name === "a")?.own).toBeCloseTo(20, 1);
});

it("looks at one frame over the whole width, with those above it", () => {
  const frames = layoutFlame(root, ["root", "b"]);
  expect(frames.map(({ name, width, above }) => [name, Math.round(width * 100), above])).toEqual([["root", 100, true], ["b", 100, false], ["x::deep", 33, false]]);
});

it("stays as near as it can when a frame is gone", () => {
  expect(follow(root, ["root", "a", "gone", "x"]).path).toEqual(["root", "a"]);
  expect(layoutFlame(node("root", 0), ["root", "a"]).length).toBe(1);
});

it("counts each matched sample once", () => {
  expect(matchedShare(root, "X::DEEP")).toBe(0.5);
  expect(matchedShare(root, "root")).toBe(1);
  expect(matchedShare(root, " ")).toBe(0);
});

it("is walked by arrow keys", () => {
  const frames = layoutFlame(root, ["root"]);
  const go = (path: string[], direction: "up" | "down" | "left" | "right") => neighbor(frames, keyOf(path), direction)?.path;
  expect(go(["root"], "down")).toEqual(["root", "a"]);
  expect(go(["root", "a"], "right")).toEqual(["root", "b"]);
  expect(go(["root", "b", "x::deep"], "left")).toEqual(["root", "a", "x::deep"]);
  expect(go(["root", "b", "x::deep"], "up")).toEqual(["root", "b"]);
  expect(go(["root", "a"], "left")).toBeUndefined();
});

it("tells what users wrote from the rest", () => {
  expect(hueOf("flott_runtime::subtask::run")).toBeNull();
  expect(hueOf("<core::slice::Iter as Iterator>::next")).toBeNull();
  expect(hueOf("standing::orders")).not.toBeNull();
  expect(hueOf("orders::parse")).toBe(hueOf("<orders::Order as Clone>::clone"));
});
