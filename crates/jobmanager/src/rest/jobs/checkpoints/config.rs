//! `GET /jobs/:jobid/checkpoints/config`: how a job takes checkpoints.

use axum::extract::State;
use flott_core::checkpoint::{CheckpointMode, CheckpointSettings, Retention};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams};

/// Flink's `CheckpointConfigInfo`, and what we know beyond it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointConfigInfo")]
pub(crate) struct CheckpointConfig {
    mode: &'static str,
    /// -1: never by itself.
    interval: i64,
    timeout: u64,
    min_pause: u64,
    max_concurrent: u32,
    externalization: Externalization,
    state_backend: &'static str,
    checkpoint_storage: &'static str,
    unaligned_checkpoints: bool,
    /// -1: not set.
    tolerable_failed_checkpoints: i64,
    aligned_checkpoint_timeout: u64,
    checkpoints_after_tasks_finish: bool,
    state_changelog_enabled: bool,
    changelog_periodic_materialization_interval: i64,
    changelog_storage: &'static str,
    // Beyond Flink.
    incremental: bool,
    num_retained: u32,
    directory: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExternalizedCheckpointInfo")]
struct Externalization {
    enabled: bool,
    delete_on_cancellation: bool,
}

impl CheckpointConfig {
    fn new(settings: &CheckpointSettings, directory: &str) -> Self {
        Self {
            mode: match settings.mode {
                CheckpointMode::ExactlyOnce => "exactly_once",
                CheckpointMode::AtLeastOnce => "at_least_once",
            },
            interval: settings.interval_ms.map_or(-1, |interval| i64::try_from(interval).unwrap_or(i64::MAX)),
            timeout: settings.timeout_ms,
            min_pause: settings.min_pause_ms,
            max_concurrent: settings.max_concurrent,
            externalization: Externalization {
                enabled: settings.retention != Retention::NoExternalizedCheckpoints,
                delete_on_cancellation: settings.retention != Retention::RetainOnCancellation,
            },
            // Clients know Flink's names; these are what is nearest to ours.
            state_backend: "HashMapStateBackend",
            checkpoint_storage: "FileSystemCheckpointStorage",
            unaligned_checkpoints: settings.unaligned,
            tolerable_failed_checkpoints: settings.tolerable_failures.map_or(-1, i64::from),
            aligned_checkpoint_timeout: settings.aligned_timeout_ms,
            checkpoints_after_tasks_finish: settings.after_tasks_finish,
            state_changelog_enabled: false,
            changelog_periodic_materialization_interval: -1,
            changelog_storage: "none",
            incremental: settings.incremental,
            num_retained: settings.num_retained,
            directory: directory.to_owned(),
        }
    }
}

/// How a job takes checkpoints.
pub(crate) async fn config(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<CheckpointConfig>, ApiError> {
    let job = api.job(&params).await?;
    Ok(Json(CheckpointConfig::new(&job.graph.recovery.checkpoints, &job.checkpoint_dir)))
}
