//! `GET /jobs/:jobid/checkpoints` and `GET /jobs/:jobid/checkpoints/config`, of jobs without checkpoints: all counts
//! are zero and percentiles over nothing are `NaN`.

use axum::extract::State;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams};

/// Flink's `CheckpointingStatistics`.
#[derive(Serialize)]
pub(crate) struct Checkpoints {
    counts: Counts,
    summary: Summary,
    latest: Latest,
    history: Vec<Checkpoint>,
}

#[derive(Default, Serialize)]
struct Counts {
    restored: u64,
    total: u64,
    in_progress: u64,
    completed: u64,
    failed: u64,
}

#[derive(Default, Serialize)]
struct Summary {
    checkpointed_size: Statistics,
    state_size: Statistics,
    end_to_end_duration: Statistics,
    alignment_buffered: Statistics,
    processed_data: Statistics,
    persisted_data: Statistics,
}

/// Statistics over no checkpoints.
#[derive(Serialize)]
struct Statistics {
    min: u64,
    max: u64,
    avg: u64,
    p50: &'static str,
    p90: &'static str,
    p95: &'static str,
    p99: &'static str,
    p999: &'static str,
}

impl Default for Statistics {
    fn default() -> Self {
        let nan = "NaN";
        Self { min: 0, max: 0, avg: 0, p50: nan, p90: nan, p95: nan, p99: nan, p999: nan }
    }
}

#[derive(Default, Serialize)]
struct Latest {
    completed: Option<Checkpoint>,
    savepoint: Option<Checkpoint>,
    failed: Option<Checkpoint>,
    restored: Option<Checkpoint>,
}

/// A checkpoint, of which no job has any.
#[derive(Serialize)]
enum Checkpoint {}

/// Flink's `CheckpointConfigInfo`.
#[derive(Serialize)]
pub(crate) struct CheckpointConfig {
    mode: &'static str,
    /// -1: never.
    interval: i64,
    timeout: i64,
    min_pause: i64,
    max_concurrent: i64,
    externalization: Externalization,
    state_backend: &'static str,
    checkpoint_storage: &'static str,
    unaligned_checkpoints: bool,
    tolerable_failed_checkpoints: u32,
    aligned_checkpoint_timeout: i64,
    checkpoints_after_tasks_finish: bool,
    state_changelog_enabled: bool,
    changelog_periodic_materialization_interval: i64,
    changelog_storage: &'static str,
}

#[derive(Serialize)]
struct Externalization {
    enabled: bool,
    delete_on_cancellation: bool,
}

/// The checkpoints of a job.
pub(crate) async fn checkpoints(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Checkpoints>, ApiError> {
    api.job(&params).await?;
    Ok(Json(Checkpoints {
        counts: Counts::default(),
        summary: Summary::default(),
        latest: Latest::default(),
        history: Vec::new(),
    }))
}

/// How a job makes checkpoints: not.
pub(crate) async fn config(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<CheckpointConfig>, ApiError> {
    api.job(&params).await?;
    Ok(Json(CheckpointConfig {
        mode: "exactly_once",
        interval: -1,
        timeout: 600_000,
        min_pause: 0,
        max_concurrent: 1,
        externalization: Externalization { enabled: false, delete_on_cancellation: true },
        state_backend: "none",
        checkpoint_storage: "none",
        unaligned_checkpoints: false,
        tolerable_failed_checkpoints: 0,
        aligned_checkpoint_timeout: 0,
        checkpoints_after_tasks_finish: false,
        state_changelog_enabled: false,
        changelog_periodic_materialization_interval: 600_000,
        changelog_storage: "none",
    }))
}

/// A checkpoint by its number.
pub(crate) async fn detail(State(api): State<Api>, params: PathParams) -> Result<(), ApiError> {
    let id: u64 = params.parse("checkpointid")?;
    api.job(&params).await?;
    Err(ApiError::not_found(format!("Could not find checkpointing statistics for checkpoint {id}.")))
}
