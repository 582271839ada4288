//! `GET …/taskmanagers`: the subtasks of a vertex by the TaskManager on which they run.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{ExecutionState, VertexId, metrics::TaskMetrics};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    UNASSIGNED, Vertex,
    detail::Aggregated,
    subtask::endpoint,
    timing::{Timing, aggregate_state, count_states},
};
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, io_metrics::IoMetrics, json::Json, params::PathParams},
    view::SubtaskView,
};

/// Flink's `JobVertexTaskManagersInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobVertexTaskManagersInfo")]
pub(crate) struct VertexTaskManagers {
    id: VertexId,
    name: String,
    now: i64,
    taskmanagers: Vec<OnTaskManager>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VertexTaskManagerInfo")]
struct OnTaskManager {
    endpoint: String,
    status: ExecutionState,
    #[serde(flatten)]
    timing: Timing,
    metrics: IoMetrics,
    status_counts: BTreeMap<ExecutionState, u32>,
    #[serde(rename = "taskmanager-id")]
    task_manager_id: String,
    aggregated: Aggregated,
}

fn on_task_manager(id: &str, subtasks: &[&SubtaskView], now: i64) -> OnTaskManager {
    let all = || subtasks.iter().copied();
    let sum = all().fold(TaskMetrics::default(), |sum, subtask| sum.plus(subtask.metrics));
    OnTaskManager {
        endpoint: subtasks.first().map_or_else(|| UNASSIGNED.to_owned(), |subtask| endpoint(subtask)),
        status: aggregate_state(all().map(|subtask| subtask.state)),
        timing: Timing::of_all(all(), now),
        metrics: sum.into(),
        status_counts: count_states(all().map(|subtask| subtask.state)),
        task_manager_id: id.to_owned(),
        aggregated: Aggregated::over(all(), now),
    }
}

/// The vertex by TaskManager.
pub(crate) async fn task_managers(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<VertexTaskManagers>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let now = unix_ms();
    let mut by_task_manager = BTreeMap::<&str, Vec<&SubtaskView>>::new();
    for (_, subtask) in vertex.subtasks() {
        let id = subtask.location.as_ref().map_or(UNASSIGNED, |location| location.task_manager_id.as_str());
        by_task_manager.entry(id).or_default().push(subtask);
    }
    Ok(Json(VertexTaskManagers {
        id: vertex.planned().id,
        name: vertex.planned().name.clone(),
        now,
        taskmanagers: by_task_manager
            .iter()
            .map(|(id, subtasks)| on_task_manager(id, subtasks, now))
            .collect(),
    }))
}
