import { expect, it } from "vitest";
import { againstMean, skew, skewInWords, stateInWords } from "./skew";

it("measures skew as the average distance from the mean", () => {
  expect(skew([10, 10, 10])).toBe(0);
  expect(skew([0, 20])).toBe(1);
  expect(skew([5])).toBeNull();
  expect(skew([0, 0])).toBeNull();
});

it("says what a skew means", () => {
  expect(skewInWords([100, 101, 99], "receive")).toBe("All subtasks receive about the same.");
  expect(skewInWords([100, 160, 100, 100], "receive")).toContain("subtask 1 receives the most, 1.4 times the mean");
  expect(skewInWords([10, 10, 10, 400], "emit")).toContain("Very uneven: subtask 3 emits 3.7 times the mean");
  expect(skewInWords([0, 0, 400], "receive")).toBe("2 of 3 subtasks receive next to nothing; subtask 2 has it all.");
  expect(skewInWords([0, 30, 50], "emit")).toContain("1 of 3 subtasks emit next to nothing; subtask 2 has 1.9 times the mean");
  expect(skewInWords([7], "emit")).toBeNull();
});

it("compares one with the mean", () => {
  expect([138, 96, 100].map((value) => againstMean(value, 100))).toEqual(["+38%", "−4%", "even"]);
});

it("says how evenly state is spread", () => {
  expect(stateInWords([100, 104])).toBe("All subtasks keep about the same.");
  expect(stateInWords([100, 100, 400])).toBe("Very uneven: subtask 2 keeps the most, 2.0 times the mean.");
  expect(stateInWords([7])).toBe("");
});
