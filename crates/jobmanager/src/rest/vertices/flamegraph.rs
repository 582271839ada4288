//! `GET …/flamegraph?type=on_cpu|off_cpu|full[&subtaskindex=n]`: what a vertex spends its time with.

use axum::extract::State;
use flott_core::SubtaskIndex;
use flott_profiling::flame::FlameNode;
use schemars::JsonSchema;
use serde::Serialize;

use super::Vertex;
use crate::{
    profiles::Selection,
    rest::{
        Api,
        error::ApiError,
        json::Json,
        params::{PathParams, Query},
    },
};

/// Flink's `VertexFlameGraph`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlameGraph {
    /// When it was taken, in Unix milliseconds, or one of the numbers below.
    end_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Frame>")]
    data: Option<FlameNode>,
    /// Why functions are not known everywhere, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// How a [`FlameNode`] is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only describes")]
struct Frame {
    name: String,
    value: u64,
    children: Vec<Frame>,
}

/// Nothing of the vertex runs any more.
const TERMINATED: i64 = -1;
/// There are no flame graphs here.
const DISABLED: i64 = -2;
/// It is being taken.
const WAITING: i64 = -3;

fn without(reason: i64) -> Json<FlameGraph> {
    Json(FlameGraph { end_timestamp: reason, data: None, problem: None })
}

/// The last flame graph of a vertex, or of one of its subtasks. If it is too old, a new one is begun.
pub(crate) async fn flame_graph(
    State(api): State<Api>,
    params: PathParams,
    query: Query,
) -> Result<Json<FlameGraph>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let selection = match query.one("type").map(str::to_ascii_lowercase).as_deref() {
        None | Some("full") => Selection::Full,
        Some("on_cpu") => Selection::OnCpu,
        Some("off_cpu") => Selection::OffCpu,
        Some(other) => return Err(ApiError::query_parameter("type", other)),
    };
    let subtask: Option<u32> = query.parse("subtaskindex")?;
    let subtasks = vertex.view().subtasks.len();
    if let Some(index) = subtask.filter(|&index| index as usize >= subtasks) {
        return Err(ApiError::not_found(format!(
            "Subtask {index} not found: JobVertex {} has {subtasks} of them",
            vertex.planned().id
        )));
    }
    if !api.options.flame_graphs_enabled {
        return Ok(without(DISABLED));
    }
    let mut wanted = vertex.subtasks().filter(|(index, _)| subtask.is_none_or(|subtask| subtask == *index));
    if vertex.job.status.is_terminal() || wanted.all(|(_, subtask)| subtask.state.is_terminal()) {
        return Ok(without(TERMINATED));
    }
    let Some(profile) = api.backend.vertex_profile(vertex.job.job_id, vertex.index).await? else {
        return Ok(without(WAITING));
    };
    Ok(Json(FlameGraph {
        end_timestamp: profile.unix_ms,
        data: Some(profile.flame_graph(selection, subtask.map(SubtaskIndex))),
        problem: profile.problem().map(str::to_owned),
    }))
}
