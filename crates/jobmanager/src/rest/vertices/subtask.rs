//! One attempt of a subtask: `GET …/subtasks/:subtaskindex` and `…/attempts/:attempt`.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{AttemptNumber, ExecutionState};
use serde::Serialize;

use super::{
    UNASSIGNED, Vertex,
    timing::{Timing, state_durations},
};
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, io_metrics::IoMetrics, json::Json, params::PathParams},
    view::SubtaskView,
};

/// Flink's `SubtaskExecutionAttemptDetailsInfo`.
#[derive(Serialize)]
pub(crate) struct Attempt {
    subtask: u32,
    status: ExecutionState,
    attempt: AttemptNumber,
    endpoint: String,
    #[serde(flatten)]
    timing: Timing,
    metrics: IoMetrics,
    #[serde(rename = "taskmanager-id")]
    task_manager_id: String,
    #[serde(rename = "status-duration")]
    status_duration: BTreeMap<ExecutionState, u64>,
    /// Once more, under the name that old clients read.
    #[serde(rename = "start_time")]
    old_start_time: i64,
}

impl Attempt {
    /// The newest attempt of a subtask.
    pub(crate) fn new(index: u32, subtask: &SubtaskView, now: i64) -> Self {
        let timing = Timing::of(subtask, now);
        let location = subtask.location.as_ref();
        Self {
            subtask: index,
            status: subtask.state,
            attempt: subtask.attempt,
            endpoint: endpoint(subtask),
            timing,
            metrics: subtask.metrics.into(),
            task_manager_id: location
                .map_or_else(|| UNASSIGNED.to_owned(), |location| location.task_manager_id.to_string()),
            status_duration: state_durations(subtask, now),
            old_start_time: timing.start_time,
        }
    }
}

/// `host:port` of the process in which a subtask runs.
pub(crate) fn endpoint(subtask: &SubtaskView) -> String {
    subtask.location.as_ref().map_or_else(|| UNASSIGNED.to_owned(), |location| location.endpoint.clone())
}

/// The newest attempt of a subtask.
pub(crate) async fn current(State(api): State<Api>, params: PathParams) -> Result<Json<Attempt>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let (index, subtask) = vertex.subtask(&params)?;
    Ok(Json(Attempt::new(index, subtask, unix_ms())))
}

/// An attempt by its number. Only the newest is kept.
pub(crate) async fn by_attempt(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Attempt>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let (index, subtask) = vertex.subtask(&params)?;
    check_attempt(subtask, &params)?;
    Ok(Json(Attempt::new(index, subtask, unix_ms())))
}

/// Whether the attempt in the path is the one that is kept.
///
/// # Errors
/// 400 for a malformed number, 404 for another attempt.
pub(crate) fn check_attempt(subtask: &SubtaskView, params: &PathParams) -> Result<(), ApiError> {
    let attempt: u32 = params.parse("attempt")?;
    if attempt == subtask.attempt.0 {
        return Ok(());
    }
    Err(ApiError::not_found(format!("Attempt {attempt} not found: the newest is {}", subtask.attempt)))
}
