import { expect, it } from "vitest";
import { KeyReader, SHORTCUTS } from "./shortcuts";

const read = (keys: string) => {
  const reader = new KeyReader();
  return [...keys].map((key) => reader.read(key));
};

it("reads two keys as one wish", () => {
  expect(read("gj")).toEqual([null, { do: "go", to: "jobs" }]);
  expect(read("j")).toEqual([null]);
  expect(read("gxj")).toEqual([null, null, null]);
  expect(read("ggj")).toEqual([null, null, null]);
});

it("reads single keys, also after a g that led nowhere", () => {
  expect(read("?")).toEqual([{ do: "help" }]);
  expect(read("g/")).toEqual([null, { do: "search" }]);
  expect(read("[]d").map((command) => command?.do)).toEqual(["tab", "tab", "theme"]);
});

it("lists every page", () => {
  expect(SHORTCUTS.filter(({ keys }) => keys[0] === "g").length).toBe(5);
});
