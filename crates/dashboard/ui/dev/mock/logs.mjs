// Logs that grow: one line a second, with now and then a warning or an error.
import { started } from "./world.mjs";

const INFO = ["checkpoint is off for this job", "slot offered slot=2 allocation_id=8c01f2", "task is running job_id=3a77e1b0 vertex=\"count words\" subtask=1 attempt=0", "artifact found in cache digest=6b1f0c", "heartbeat answered round_trip_ms=1", "task host started pid=48122 job_id=3a77e1b0 slots=2"];
const at = (i) => new Date(started - 240_000 + i * 1000).toISOString().replace("T", " ").replace("Z", "").replace(".", ",");

export function log(who) {
  const lines = [];
  const total = 240 + Math.floor((Date.now() - started) / 1000);
  for (let i = 0; i < total; i++) {
    if (i % 37 === 36) lines.push(`${at(i)} WARN  flott_${who}::registration - connection to the JobManager broke, trying again error="connection reset by peer"`);
    else if (i % 83 === 82) lines.push(`${at(i)} ERROR flott_${who}::task_host - task host ended unexpectedly job_id=3a77e1b0 signal=SIGABRT`, "  last lines of stderr:", "    thread 'subtask count words (3/4)' panicked at examples/orders/src/main.rs:48:27");
    else lines.push(`${at(i)} ${i % 5 === 4 ? "DEBUG" : "INFO "} flott_${who} - ${INFO[i % INFO.length]}`);
  }
  return lines.join("\n") + "\n";
}

export function stdout() {
  return Array.from({ length: 40 }, (_, i) => `${(i % 4) + 1}> (${["the", "quick", "brown", "fox", "jumps"][i % 5]}, ${i * 3 + 1})`).join("\n") + "\n";
}
