//! `GET /jobs/:jobid/vertices/:vertexid`.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{ExecutionState, VertexId};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Vertex, subtask::Attempt, timing::aggregate_durations};
use crate::{
    clock::unix_ms,
    rest::{
        Api,
        error::ApiError,
        io_metrics::{Aggregates, Statistics, aggregate},
        json::Json,
        params::PathParams,
    },
    view::SubtaskView,
};

/// Flink's `JobVertexDetailsInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobVertexDetailsInfo")]
pub(crate) struct VertexDetail {
    id: VertexId,
    name: String,
    parallelism: u32,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    now: i64,
    subtasks: Vec<Attempt>,
    aggregated: Aggregated,
}

/// Statistics over subtasks.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AggregatedTaskDetailsInfo")]
pub(crate) struct Aggregated {
    metrics: Aggregates,
    status_duration: BTreeMap<ExecutionState, Statistics>,
}

impl Aggregated {
    /// The statistics over these subtasks.
    pub(crate) fn over<'a>(subtasks: impl Iterator<Item = &'a SubtaskView> + Clone, now: i64) -> Self {
        Self {
            metrics: aggregate(subtasks.clone().map(|subtask| &subtask.metrics)),
            status_duration: aggregate_durations(subtasks, now),
        }
    }
}

/// One vertex with its subtasks.
pub(crate) async fn detail(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<VertexDetail>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let (planned, now) = (vertex.planned(), unix_ms());
    Ok(Json(VertexDetail {
        id: planned.id,
        name: planned.name.clone(),
        parallelism: planned.parallelism,
        max_parallelism: planned.max_parallelism,
        now,
        subtasks: vertex.subtasks().map(|(index, subtask)| Attempt::new(index, subtask, now)).collect(),
        aggregated: Aggregated::over(vertex.view().subtasks.iter(), now),
    }))
}
