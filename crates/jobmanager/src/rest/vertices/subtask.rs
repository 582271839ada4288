//! One attempt of a subtask: `GET …/subtasks/:subtaskindex` and `…/attempts/:attempt`.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use axum::extract::State;
use flott_core::{AttemptNumber, ExecutionState};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    UNASSIGNED, Vertex,
    timing::{Timing, state_durations},
};
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, io_metrics::IoMetrics, json::Json, params::PathParams},
    view::{AttemptView, SubtaskView, TaskRates},
};

/// Flink's `SubtaskExecutionAttemptDetailsInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SubtaskExecutionAttemptDetailsInfo")]
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
    /// An attempt of the subtask with this index.
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

/// An attempt by its number. Only the newest and some before it are kept.
pub(crate) async fn by_attempt(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Attempt>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let (index, subtask) = vertex.subtask(&params)?;
    let attempt = find_attempt(subtask, &params)?;
    Ok(Json(Attempt::new(index, &attempt, unix_ms())))
}

/// The attempt of a subtask that the path names, as the subtask was or is in it.
///
/// # Errors
/// 400 for a malformed number, 404 for an attempt that is not known, or not any more.
pub(crate) fn find_attempt<'a>(
    subtask: &'a SubtaskView,
    params: &PathParams,
) -> Result<Cow<'a, SubtaskView>, ApiError> {
    let attempt = AttemptNumber(params.parse("attempt")?);
    if attempt == subtask.attempt {
        return Ok(Cow::Borrowed(subtask));
    }
    match subtask.past.iter().find(|past| past.attempt == attempt) {
        Some(past) => Ok(Cow::Owned(as_it_was(past))),
        None => Err(ApiError::not_found(format!(
            "Attempt {attempt} not found: the newest is {}, {} before it are known",
            subtask.attempt,
            subtask.past.len()
        ))),
    }
}

fn as_it_was(past: &AttemptView) -> SubtaskView {
    SubtaskView {
        attempt: past.attempt,
        state: past.state,
        times: past.times,
        location: past.location.clone(),
        metrics: past.metrics,
        operators: past.operators.clone(),
        rates: TaskRates::default(),
        past: Arc::default(),
    }
}
