//! `GET /jobs/:jobid/checkpoints` and `GET /jobs/:jobid/checkpoints/details/:checkpointid`.

use axum::extract::State;
use flott_control::job_master::Summaries;
use flott_core::CheckpointId;
use schemars::JsonSchema;
use serde::Serialize;

use super::{find, job_and_id, record::Checkpoint, summary::Statistics};
use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::CheckpointsView,
};

/// Flink's `CheckpointingStatistics`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointingStatistics")]
pub(crate) struct Checkpoints {
    counts: Counts,
    summary: Summary,
    latest: Latest,
    /// Newest first.
    history: Vec<Checkpoint>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointCounts")]
struct Counts {
    restored: u64,
    total: u64,
    in_progress: u64,
    completed: u64,
    failed: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointSummary")]
struct Summary {
    checkpointed_size: Statistics,
    state_size: Statistics,
    end_to_end_duration: Statistics,
    alignment_buffered: Statistics,
    processed_data: Statistics,
    persisted_data: Statistics,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LatestCheckpoints")]
struct Latest {
    completed: Option<Checkpoint>,
    savepoint: Option<Checkpoint>,
    failed: Option<Checkpoint>,
    restored: Option<Restored>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RestoredCheckpointStatistics")]
struct Restored {
    id: CheckpointId,
    restore_timestamp: i64,
    is_savepoint: bool,
    external_path: String,
}

impl Checkpoints {
    fn new(view: &CheckpointsView, now: i64) -> Self {
        let statistics = &view.statistics;
        let counts = statistics.counts;
        let Summaries { checkpointed_size, state_size, end_to_end_duration, processed_data, persisted_data } =
            &statistics.summaries;
        let checkpoint = |record: &_| Checkpoint::new(record, view, now);
        let latest = |record: &Option<std::sync::Arc<_>>| record.as_deref().map(checkpoint);
        Self {
            counts: Counts {
                restored: counts.restored,
                total: counts.total,
                in_progress: counts.in_progress,
                completed: counts.completed,
                failed: counts.failed,
            },
            summary: Summary {
                checkpointed_size: checkpointed_size.into(),
                state_size: state_size.into(),
                end_to_end_duration: end_to_end_duration.into(),
                alignment_buffered: Statistics::ZERO,
                processed_data: processed_data.into(),
                persisted_data: persisted_data.into(),
            },
            latest: Latest {
                completed: latest(&statistics.latest_completed),
                savepoint: latest(&statistics.latest_savepoint),
                failed: latest(&statistics.latest_failed),
                restored: statistics.latest_restored.as_ref().map(|restored| Restored {
                    id: restored.id,
                    restore_timestamp: view.unix_ms(restored.restored_at),
                    is_savepoint: restored.is_savepoint,
                    external_path: restored.external_path.clone(),
                }),
            },
            history: statistics.history.iter().map(|record| checkpoint(record)).collect(),
        }
    }
}

/// The checkpoints and savepoints of a job.
pub(crate) async fn checkpoints(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<Checkpoints>, ApiError> {
    let job = api.job(&params).await?;
    Ok(Json(Checkpoints::new(&job.checkpoints, unix_ms())))
}

/// A checkpoint by its number, with the parts of the vertices.
pub(crate) async fn detail(State(api): State<Api>, params: PathParams) -> Result<Json<Checkpoint>, ApiError> {
    let (job, id) = job_and_id(&api, &params).await?;
    Ok(Json(Checkpoint::with_tasks(find(&job, id)?, &job.checkpoints, unix_ms())))
}
