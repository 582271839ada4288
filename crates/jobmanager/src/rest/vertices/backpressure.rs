//! `GET …/backpressure`: how long subtasks wait for those that read from them.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::Vertex;
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::SubtaskView,
};

/// Flink's `JobVertexBackPressureInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobVertexBackPressureInfo")]
pub(crate) struct BackPressure {
    /// `deprecated` when there is nothing to measure any more.
    status: &'static str,
    #[serde(flatten)]
    level: Level,
    #[serde(rename = "end-timestamp")]
    end_timestamp: i64,
    subtasks: Vec<SubtaskBackPressure>,
}

/// The level, under both names that clients read.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BackPressureLevels")]
struct Level {
    #[serde(rename = "backpressureLevel")]
    name: &'static str,
    #[serde(rename = "backpressure-level")]
    old_name: &'static str,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SubtaskBackPressureInfo")]
struct SubtaskBackPressure {
    subtask: u32,
    #[serde(flatten)]
    level: Level,
    ratio: f64,
    idle_ratio: f64,
    busy_ratio: f64,
}

/// The level of a share of time, from 0 to 1, with Flink's borders.
fn level(ratio: f64) -> Level {
    let name = match ratio {
        ratio if ratio <= 0.10 => "ok",
        ratio if ratio <= 0.50 => "low",
        _ => "high",
    };
    Level { name, old_name: name }
}

/// The share of a second, from 0 to 1.
fn ratio(ms_per_second: f64) -> f64 {
    (ms_per_second / 1000.0).clamp(0.0, 1.0)
}

fn of_subtask(index: u32, subtask: &SubtaskView) -> SubtaskBackPressure {
    SubtaskBackPressure {
        subtask: index,
        level: level(ratio(subtask.rates.backpressured_ms)),
        ratio: ratio(subtask.rates.backpressured_ms),
        idle_ratio: ratio(subtask.rates.idle_ms),
        busy_ratio: ratio(subtask.rates.busy_ms),
    }
}

/// The backpressure of a vertex now.
pub(crate) async fn backpressure(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<BackPressure>, ApiError> {
    let vertex = Vertex::find(&api, &params).await?;
    let over = vertex.job.status.is_terminal();
    let subtasks: Vec<_> = if over {
        Vec::new()
    } else {
        vertex.subtasks().map(|(index, subtask)| of_subtask(index, subtask)).collect()
    };
    let highest = subtasks.iter().map(|subtask| subtask.ratio).fold(0.0, f64::max);
    Ok(Json(BackPressure {
        status: if over { "deprecated" } else { "ok" },
        level: level(highest),
        end_timestamp: unix_ms(),
        subtasks,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_flinks_borders() {
        assert_eq!(
            [0.0, 0.1, 0.11, 0.5, 0.51, 1.0].map(|r| level(r).name),
            ["ok", "ok", "low", "low", "high", "high"]
        );
    }
}
