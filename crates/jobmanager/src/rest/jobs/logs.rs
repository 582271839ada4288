//! `GET /jobs/:jobid/logs?lines=500&level=WARN&search=text`: what all daemons have logged of a job.

use axum::extract::State;
use flott_core::{
    TaskManagerId,
    config::LogLevel,
    logs::{LogQuery, MAX_LOG_LINES},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    handle::JobLogLine,
    rest::{
        Api,
        error::ApiError,
        json::Json,
        params::{PathParams, Query},
    },
};

/// How many events are told if nothing else is asked for.
const DEFAULT_LINES: usize = 500;

/// The newest events, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Logs {
    lines: Vec<Line>,
    /// Whether there are older ones, or may be.
    truncated: bool,
    /// TaskManagers that did not tell.
    unavailable: Vec<TaskManagerId>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// In Unix milliseconds.
    time: i64,
    level: String,
    /// `jobmanager`, or the id of a TaskManager.
    source: String,
    text: String,
}

fn line(JobLogLine { source, line }: JobLogLine) -> Line {
    let source = source.map_or_else(|| "jobmanager".to_owned(), |id| id.as_str().to_owned());
    Line { time: line.unix_ms, level: line.level.to_string(), source, text: line.text }
}

/// The events of the logs of all daemons that name the job.
pub(crate) async fn logs(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<Logs>, ApiError> {
    let job = api.job(&params).await?;
    let lines: usize = query.parse("lines")?.unwrap_or(DEFAULT_LINES);
    if !(1..=MAX_LOG_LINES).contains(&lines) {
        return Err(ApiError::query_parameter("lines", &lines.to_string()));
    }
    let query = LogQuery {
        about: job.job_id.to_string(),
        search: query.one("search").unwrap_or_default().to_owned(),
        level: query.parse("level")?.unwrap_or(LogLevel::Trace),
        lines,
    };
    let found = api.backend.search_logs(query).await?;
    let lines = found.lines.into_iter().map(line).collect();
    Ok(Json(Logs { lines, truncated: found.truncated, unavailable: found.unavailable }))
}
