//! `GET …/accumulators`, `…/subtasks/accumulators` and those of one attempt. User accumulators do not exist yet, so
//! the lists are empty.

use axum::extract::State;
use flott_core::{AttemptNumber, VertexId};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Vertex,
    subtask::{endpoint, find_attempt},
};
use crate::rest::{
    Api, error::ApiError, jobs::accumulators::UserAccumulator, json::Json, params::PathParams,
};

/// Flink's `JobVertexAccumulatorsInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JobVertexAccumulatorsInfo")]
pub(crate) struct VertexAccumulators {
    id: VertexId,
    user_accumulators: Vec<UserAccumulator>,
}

/// Flink's `SubtasksAllAccumulatorsInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SubtasksAllAccumulatorsInfo")]
pub(crate) struct SubtasksAccumulators {
    id: VertexId,
    parallelism: u32,
    subtasks: Vec<SubtaskAccumulators>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SubtaskAccumulatorsInfo")]
struct SubtaskAccumulators {
    subtask: u32,
    attempt: AttemptNumber,
    endpoint: String,
    user_accumulators: Vec<UserAccumulator>,
}

/// Flink's `SubtaskExecutionAttemptAccumulatorsInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SubtaskExecutionAttemptAccumulatorsInfo")]
pub(crate) struct AttemptAccumulators {
    subtask: u32,
    attempt: AttemptNumber,
    id: String,
    user_accumulators: Vec<UserAccumulator>,
}

/// Of the whole vertex.
pub(crate) async fn of_vertex(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<VertexAccumulators>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    Ok(Json(VertexAccumulators { id: vertex.planned().id, user_accumulators: Vec::new() }))
}

/// By subtask.
pub(crate) async fn of_subtasks(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<SubtasksAccumulators>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    Ok(Json(SubtasksAccumulators {
        id: vertex.planned().id,
        parallelism: vertex.planned().parallelism,
        subtasks: vertex
            .subtasks()
            .map(|(index, subtask)| SubtaskAccumulators {
                subtask: index,
                attempt: subtask.attempt,
                endpoint: endpoint(subtask),
                user_accumulators: Vec::new(),
            })
            .collect(),
    }))
}

/// Of one attempt.
pub(crate) async fn of_attempt(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<AttemptAccumulators>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let (index, subtask) = vertex.subtask(&params)?;
    let attempt = find_attempt(subtask, &params)?.attempt;
    Ok(Json(AttemptAccumulators {
        subtask: index,
        attempt,
        id: format!("{}_{}_{index}_{attempt}", vertex.job.job_id, vertex.planned().id),
        user_accumulators: Vec::new(),
    }))
}
