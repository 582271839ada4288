import { expect, it } from "vitest";
import { jobFacts, restartsText } from "./job-facts";

const metric = (id: string, value: string) => ({ id, value });

it("reads restarts and the last checkpoint out of metrics", () => {
  const metrics = [metric("numRestarts", "3"), metric("lastCheckpointCompletedTimestamp", "1795390337491"), metric("lastCheckpointDuration", "20"), metric("lastCheckpointSize", "400")];
  expect(jobFacts(metrics)).toEqual({ restarts: 3, lastCheckpoint: { time: 1795390337491, duration: 20, size: 400 } });
});

it("takes what is missing, unknown or not a number for none", () => {
  expect(jobFacts([])).toEqual({ restarts: 0, lastCheckpoint: null });
  expect(jobFacts([metric("numRestarts", "NaN"), metric("lastCheckpointCompletedTimestamp", "-1"), { id: "lastCheckpointDuration" }])).toEqual({ restarts: 0, lastCheckpoint: null });
});

it("counts in words", () => {
  expect([0, 1, 12].map(restartsText)).toEqual(["no restarts", "1 restart", "12 restarts"]);
});
