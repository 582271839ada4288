import { expect, it } from "vitest";
import { memoryUses } from "./memory";

it("leaves out memory that a TaskManager does not have", () => {
  const tm = {
    id: "a", path: "", dataPort: 1, timeSinceLastHeartbeat: 0, slotsNumber: 1, freeSlots: 1,
    hardware: { cpuCores: 1, physicalMemory: 1000, freeMemory: 400, managedMemory: 0 },
    metrics: { heapUsed: 100, heapMax: 0, nettyShuffleMemoryTotal: 0 },
  };
  expect(memoryUses(tm).map((use) => [use.name, use.used, use.limit])).toEqual([["Processes", 100, 1000], ["Machine", 600, 1000]]);
  const own = { ...tm, hardware: { ...tm.hardware, freeMemory: 900 } };
  expect(memoryUses(own).map((use) => use.name)).toEqual(["Processes"]);
});
