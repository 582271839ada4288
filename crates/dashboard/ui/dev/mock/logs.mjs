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

/** What all daemons have logged of a job. */
export function jobLog(j, query) {
  const last = Math.floor(((j.end ?? Date.now()) - j.begin) / 1000);
  const lines = [];
  for (let i = Math.max(0, last - 900); i <= last; i++) {
    const time = j.begin + i * 1000;
    const source = i % 3 === 0 ? "jobmanager" : ["worker-1.local:40115-9c01aa", "worker-2.local:41873-5b21e0"][i % 2];
    const level = i % 61 === 60 ? "ERROR" : i % 37 === 36 ? "WARN" : i % 5 === 4 ? "DEBUG" : "INFO";
    if (i % 4 === 0 && level === "INFO") lines.push({ time, level, source, text: `checkpoint completed job_id=${j.id} checkpoint_id=${i} duration_ms=${200 + (i % 90)}` });
    else if (level === "ERROR") lines.push({ time, level, source, text: `task failed job_id=${j.id} vertex="count words" subtask=2\n  cannot parse "1e9x" as an amount\n  at examples/orders/src/main.rs:48:27` });
    else if (level === "WARN") lines.push({ time, level, source, text: `connection to the JobManager broke, trying again job_id=${j.id} error="connection reset by peer"` });
    else lines.push({ time, level, source, text: `task is running job_id=${j.id} vertex="count words" subtask=${i % 4} attempt=0` });
  }
  const order = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
  const least = order.indexOf(query.get("level") ?? "TRACE");
  const needle = (query.get("search") ?? "").toLowerCase();
  const found = lines.filter((line) => order.indexOf(line.level) <= least && line.text.toLowerCase().includes(needle));
  const most = Number(query.get("lines") ?? 500);
  return { lines: found.slice(-most), truncated: found.length > most };
}

export function stdout() {
  return Array.from({ length: 40 }, (_, i) => `${(i % 4) + 1}> (${["the", "quick", "brown", "fox", "jumps"][i % 5]}, ${i * 3 + 1})`).join("\n") + "\n";
}
