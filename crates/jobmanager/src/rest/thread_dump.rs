//! `GET /jobmanager/thread-dump`, `GET /taskmanagers/:taskmanagerid/thread-dump`: what threads do.

use std::fmt::Write;

use axum::extract::State;
use flott_core::profile::ThreadInfo;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Api, backend::Daemon, error::ApiError, json::Json, params::PathParams};

/// Flink's `ThreadDumpInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadDump {
    thread_infos: Vec<Thread>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Thread {
    thread_name: String,
    stringified_thread_info: String,
}

/// The state by its name in Flink, as far as there is one.
fn state(thread: &ThreadInfo) -> &str {
    match thread.state.as_str() {
        "R" => "RUNNABLE",
        "D" => "BLOCKED",
        "T" | "t" => "STOPPED",
        "Z" | "X" => "TERMINATED",
        _ => "WAITING",
    }
}

/// As Java writes it: the name, then what is known, then the functions, innermost first.
fn thread(thread: &ThreadInfo) -> Thread {
    let mut text = format!("\"{}\" Id={} {}", thread.name, thread.id, state(thread));
    // Writing to a string can't fail.
    if let Some(function) = &thread.waits_in {
        let _ = write!(text, " in {function}");
    }
    let _ = write!(text, "\n\t-  process: {}\n\t-  CPU time: {} ms\n", thread.process, thread.cpu_ms);
    if let Some(task) = &thread.task {
        let _ = writeln!(text, "\t-  subtask: {task}");
    }
    for frame in &thread.frames {
        let _ = writeln!(text, "\tat {frame}");
    }
    text.push('\n');
    Thread { thread_name: thread.name.clone(), stringified_thread_info: text }
}

async fn dump(api: &Api, of: &Daemon) -> Result<Json<ThreadDump>, ApiError> {
    let threads = api.backend.threads(of).await?;
    Ok(Json(ThreadDump { thread_infos: threads.iter().map(thread).collect() }))
}

/// The threads of the JobManager.
pub(crate) async fn of_job_manager(State(api): State<Api>) -> Result<Json<ThreadDump>, ApiError> {
    dump(&api, &Daemon::JobManager).await
}

/// The threads of a TaskManager and its task hosts.
pub(crate) async fn of_task_manager(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<ThreadDump>, ApiError> {
    dump(&api, &Daemon::TaskManager(params.task_manager_id())).await
}
