import type { TaskManagerDetail } from "../api/types";

/** One kind of memory: used of a limit, in bytes. */
export interface MemoryUse {
  name: string;
  used: number;
  limit: number;
  hint: string;
}

/** What a TaskManager reports of its memory. Kinds that it does not have (limit 0 or less) are left out. */
export function memoryUses(tm: TaskManagerDetail): MemoryUse[] {
  const metric = (name: string) => {
    const value = Number(tm.metrics?.[name] ?? NaN);
    return Number.isFinite(value) ? value : 0;
  };
  const machine = tm.hardware.physicalMemory;
  const process = tm.memoryConfiguration?.["totalProcessMemory"] ?? 0;
  const heapLimit = metric("heapMax") || process || machine;
  const all: MemoryUse[] = [
    { name: "Processes", used: metric("heapUsed"), limit: heapLimit, hint: "Memory of the TaskManager and its task hosts" },
    { name: "Network", used: metric("nettyShuffleMemoryUsed"), limit: metric("nettyShuffleMemoryTotal"), hint: "Batches between subtasks" },
    { name: "Machine", used: Math.max(0, machine - tm.hardware.freeMemory), limit: machine, hint: "Memory of the whole machine, other programs included" },
  ];
  // A TaskManager that knows nothing of other programs reports its own memory as all that is used.
  const onlyOwn = machine - tm.hardware.freeMemory <= metric("heapUsed");
  return all.filter((use) => use.limit > 0 && (use.used > 0 || use.name === "Network") && !(use.name === "Machine" && onlyOwn));
}
