//! `GET …/subtasktimes`: when each subtask entered which state.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{ExecutionState, VertexId};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Vertex, subtask::endpoint};
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::SubtaskView,
};

/// Flink's `SubtasksTimesInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SubtasksTimesInfo")]
pub(crate) struct SubtaskTimes {
    id: VertexId,
    name: String,
    now: i64,
    subtasks: Vec<Times>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SubtaskTimeInfo")]
struct Times {
    subtask: u32,
    endpoint: String,
    duration: i64,
    timestamps: BTreeMap<ExecutionState, i64>,
}

fn times(index: u32, subtask: &SubtaskView, now: i64) -> Times {
    let timestamps: BTreeMap<_, _> =
        ExecutionState::ALL.into_iter().map(|state| (state, subtask.times.of(state))).collect();
    let start = timestamps[&ExecutionState::Scheduled];
    let end = if subtask.state.is_terminal() { timestamps[&subtask.state] } else { now };
    Times {
        subtask: index,
        endpoint: endpoint(subtask),
        duration: if start > 0 { (end - start).max(0) } else { -1 },
        timestamps,
    }
}

/// The states of all subtasks in time.
pub(crate) async fn subtask_times(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<SubtaskTimes>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let now = unix_ms();
    Ok(Json(SubtaskTimes {
        id: vertex.planned().id,
        name: vertex.planned().name.clone(),
        now,
        subtasks: vertex.subtasks().map(|(index, subtask)| times(index, subtask, now)).collect(),
    }))
}
