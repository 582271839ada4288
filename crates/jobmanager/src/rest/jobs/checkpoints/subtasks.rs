//! `GET /jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid`: a vertex's part of a checkpoint by subtask.

use axum::extract::State;
use flott_control::job_master::{CheckpointRecord, SubtaskRecord, TaskRecord};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    find, job_and_id,
    record::{Task, since_trigger},
    summary::Statistics,
};
use crate::{
    rest::{Api, error::ApiError, json::Json, params::PathParams},
    view::CheckpointsView,
};

/// Flink's `TaskCheckpointStatisticsWithSubtaskDetails`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskCheckpointStatisticsWithSubtaskDetails")]
pub(crate) struct TaskDetail {
    #[serde(flatten)]
    task: Task,
    summary: Summary,
    subtasks: Vec<Subtask>,
}

/// Over the subtasks that have acknowledged.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskCheckpointSummary")]
struct Summary {
    checkpointed_size: Statistics,
    state_size: Statistics,
    end_to_end_duration: Statistics,
    checkpoint_duration: Duration<Statistics>,
    alignment: Alignment<Statistics>,
    start_delay: Statistics,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointDuration_of_{T}")]
struct Duration<T> {
    sync: T,
    r#async: T,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointAlignment_of_{T}")]
struct Alignment<T> {
    buffered: T,
    processed: T,
    persisted: T,
    duration: T,
}

/// Flink's `SubtaskCheckpointStatistics`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "SubtaskCheckpointStatistics")]
enum Subtask {
    Acknowledged(Acknowledged),
    Pending {
        #[serde(rename = "className")]
        class_name: &'static str,
        index: usize,
        status: &'static str,
    },
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CompletedSubtaskCheckpointStatistics")]
struct Acknowledged {
    #[serde(rename = "className")]
    class_name: &'static str,
    index: usize,
    ack_timestamp: i64,
    end_to_end_duration: u64,
    checkpointed_size: u64,
    state_size: u64,
    checkpoint: Duration<u64>,
    alignment: Alignment<u64>,
    start_delay: u64,
    unaligned_checkpoint: bool,
    aborted: bool,
    status: &'static str,
    /// Beyond Flink: whether it had finished before.
    finished: bool,
}

impl TaskDetail {
    fn new(record: &CheckpointRecord, task: &TaskRecord, view: &CheckpointsView) -> Self {
        let acknowledged = || task.subtasks.iter().flatten();
        let over = |value: &dyn Fn(&SubtaskRecord) -> u64| Statistics::of(acknowledged().map(value));
        let subtasks = task.subtasks.iter().enumerate().map(|(index, subtask)| match subtask {
            Some(ack) => Subtask::Acknowledged(Acknowledged::new(index, record, ack, view)),
            None => Subtask::Pending { class_name: "pending", index, status: "pending_or_failed" },
        });
        Self {
            task: Task::new(record, task, view),
            summary: Summary {
                checkpointed_size: over(&|ack| ack.stats.written),
                state_size: over(&|ack| ack.state_size),
                end_to_end_duration: over(&|ack| since_trigger(record, ack.acknowledged_at)),
                checkpoint_duration: Duration {
                    sync: over(&|ack| ack.stats.sync_ms),
                    r#async: over(&|ack| ack.stats.async_ms),
                },
                alignment: Alignment {
                    buffered: Statistics::ZERO,
                    processed: over(&|ack| ack.stats.processed),
                    persisted: over(&|ack| ack.stats.persisted),
                    duration: over(&|ack| ack.stats.alignment_ms),
                },
                start_delay: over(&|ack| ack.stats.start_delay_ms),
            },
            subtasks: subtasks.collect(),
        }
    }
}

impl Acknowledged {
    fn new(index: usize, record: &CheckpointRecord, ack: &SubtaskRecord, view: &CheckpointsView) -> Self {
        let stats = &ack.stats;
        Self {
            class_name: "completed",
            index,
            ack_timestamp: view.unix_ms(ack.acknowledged_at),
            end_to_end_duration: since_trigger(record, ack.acknowledged_at),
            checkpointed_size: stats.written,
            state_size: ack.state_size,
            checkpoint: Duration { sync: stats.sync_ms, r#async: stats.async_ms },
            alignment: Alignment {
                buffered: 0,
                processed: stats.processed,
                persisted: stats.persisted,
                duration: stats.alignment_ms,
            },
            start_delay: stats.start_delay_ms,
            unaligned_checkpoint: stats.unaligned,
            aborted: false,
            status: "completed",
            finished: ack.finished,
        }
    }
}

/// A vertex's part of a checkpoint.
pub(crate) async fn subtasks(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<TaskDetail>, ApiError> {
    let vertex = params.vertex_id()?;
    let (job, id) = job_and_id(&api, &params).await?;
    let record = find(&job, id)?;
    let task = record.task(vertex).ok_or_else(|| {
        ApiError::not_found(format!(
            "There is no checkpoint statistics for task {vertex} in checkpoint {id}."
        ))
    })?;
    Ok(Json(TaskDetail::new(record, task, &job.checkpoints)))
}
