// Every page of the dashboard, with what must be read on it when it shows what the cluster does.

/** `world`: the ids of what runs. */
export function pages(world) {
  const { running, finished, failed, taskManager, printer, vertex, recoverable, backpressured } = world;
  const tm = encodeURIComponent(taskManager);
  return [
    { name: "overview", hash: "#/overview", shows: ["Running jobs", "endless", "Recently ended", "WordCount", "panic-in-map", "cannot digest record 10", "Backpressured", "records/s", "CPU", "Memory"] },
    { name: "jobs", hash: "#/jobs", shows: ["endless", "WordCount", "panic-in-map", "RUNNING", "FINISHED", "FAILED"] },
    { name: "jobs-failed", hash: "#/jobs?q=panic", shows: ["panic-in-map"], hides: ["endless"] },
    { name: "job-running", hash: `#/jobs/${running}`, shows: ["endless", "RUNNING", "Source: numbers", "count", "HASH", "History", "Throughput", "No vertex waits for another", "skew"] },
    { name: "job-vertex", hash: `#/jobs/${running}?vertex=${vertex}`, shows: ["Subtasks", "count"] },
    { name: "job-backpressured", hash: `#/jobs/${backpressured.job}`, shows: ["slow-sink", "REBALANCE", "limits this job"] },
    { name: "vertex-backpressure", hash: `#/jobs/${backpressured.job}?vertex=${backpressured.source}&view=backpressure`, shows: ["subtasks wait", "HIGH"] },
    { name: "vertex-taskmanagers", hash: `#/jobs/${running}?vertex=${vertex}&view=taskmanagers`, shows: ["Subtasks", "RUNNING"] },
    { name: "vertex-state", hash: `#/jobs/${recoverable.job}?vertex=${recoverable.stateful}&view=state`, shows: ["of state in", "checkpoint #", "Written"] },
    { name: "vertex-state-off", hash: `#/jobs/${running}?vertex=${vertex}&view=state`, shows: ["No checkpoint has completed", "execution.checkpointing.interval"] },
    { name: "vertex-accumulators", hash: `#/jobs/${running}?vertex=${vertex}&view=accumulators`, shows: ["No accumulator is registered"] },
    { name: "vertex-flamegraph", hash: `#/jobs/${backpressured.job}?vertex=${backpressured.source}&view=flamegraph`, shows: ["Mixed", "All subtasks"] },
    { name: "job-metrics", hash: `#/jobs/${running}/metrics`, shows: ["numRecordsOutPerSecond", "Add metrics"] },
    { name: "job-logs", hash: `#/jobs/${running}/logs`, shows: ["INFO", "Follow"] },
    { name: "job-failed-logs", hash: `#/jobs/${failed}/logs`, shows: ["Follow"] },
    { name: "job-finished", hash: `#/jobs/${finished}`, shows: ["WordCount", "FINISHED", "Tokenizer", "Counter"] },
    { name: "job-failed", hash: `#/jobs/${failed}`, shows: ["FAILED", "cannot digest record 10", "explosive"] },
    { name: "job-timeline", hash: `#/jobs/${finished}/timeline`, shows: ["Tokenizer"] },
    { name: "job-failed-timeline", hash: `#/jobs/${failed}/timeline`, shows: ["1 failure", "explosive"] },
    { name: "job-exceptions", hash: `#/jobs/${failed}/exceptions`, shows: ["cannot digest record 10", "explosive"] },
    {
      name: "job-checkpoints",
      hash: `#/jobs/${recoverable.job}/checkpoints`,
      shows: ["oracle", "triggered", "Latest completed", "COMPLETED", "Full size", "Written", "Acknowledged", "p99.9", "exactly once", `${recoverable.job}/chk-`],
    },
    { name: "job-checkpoints-off", hash: `#/jobs/${running}/checkpoints`, shows: ["Checkpoints are off for this job", "execution.checkpointing.interval"] },
    { name: "job-configuration", hash: `#/jobs/${running}/configuration`, shows: ["Restart strategy", "Submission", "--rate 5000"] },
    { name: "job-unknown", hash: "#/jobs/0123456789abcdef0123456789abcdef", shows: ["This job is not known here"], missing: true },
    { name: "taskmanagers", hash: "#/taskmanagers", shows: [taskManager] },
    { name: "taskmanager", hash: `#/taskmanagers/${tm}`, shows: [taskManager, "endless", "Machine memory", "Task hosts", "PID"] },
    { name: "taskmanager-log", hash: `#/taskmanagers/${tm}/log`, shows: ["INFO"] },
    { name: "taskmanager-stdout", hash: `#/taskmanagers/${encodeURIComponent(printer)}/stdout`, shows: ["printed line"] },
    { name: "taskmanager-threads", hash: `#/taskmanagers/${tm}/threads`, shows: ["threads", "Take again", "task host of job", "CPU"] },
    { name: "taskmanager-profiler", hash: `#/taskmanagers/${tm}/profiler`, shows: ["Take a profile"] },
    { name: "taskmanager-files", hash: `#/taskmanagers/${tm}/files`, shows: [".log"] },
    { name: "taskmanager-unknown", hash: "#/taskmanagers/nobody", shows: ["It may have stopped"], missing: true },
    { name: "jobmanager", hash: "#/jobmanager", shows: ["rest.port", "jobmanager.rpc.port"] },
    { name: "jobmanager-environment", hash: "#/jobmanager/environment", shows: ["Started with", "Working directory", "Kernel", "FLOTT_"] },
    { name: "jobmanager-log", hash: "#/jobmanager/log", shows: ["INFO"] },
    { name: "jobmanager-stdout", hash: "#/jobmanager/stdout", shows: ["Stdout"] },
    { name: "jobmanager-threads", hash: "#/jobmanager/threads", shows: ["threads", "Take again"] },
    { name: "jobmanager-profiler", hash: "#/jobmanager/profiler", shows: ["Take a profile"] },
    { name: "jobmanager-files", hash: "#/jobmanager/files", shows: [".log"] },
    { name: "submit", hash: "#/submit", shows: ["word-count", "test-jobs"] },
    { name: "no-page", hash: "#/nosuch", shows: ["There is no such page"] },
  ];
}
