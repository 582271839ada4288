//! One checkpoint, as clients read it.

use std::collections::BTreeMap;

use flott_control::job_master::{CheckpointRecord, RecordStatus, TaskRecord, Totals};
use flott_core::{CheckpointId, MonoTime, VertexId, checkpoint::SavepointFormat};
use schemars::JsonSchema;
use serde::Serialize;

use crate::view::CheckpointsView;

/// Flink's `CheckpointStatistics`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CheckpointStatistics")]
pub(crate) struct Checkpoint {
    #[serde(rename = "className")]
    class_name: &'static str,
    id: CheckpointId,
    status: &'static str,
    is_savepoint: bool,
    #[serde(rename = "savepointFormat")]
    savepoint_format: Option<SavepointFormat>,
    trigger_timestamp: i64,
    #[serde(flatten)]
    parts: Parts,
    checkpoint_type: &'static str,
    tasks: BTreeMap<VertexId, Task>,
    #[serde(flatten)]
    end: End,
}

/// What differs by the way in which it ended.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum End {
    InProgress {},
    Completed { external_path: String, discarded: bool },
    Failed { failure_timestamp: i64, failure_message: String },
}

/// Flink's `TaskCheckpointStatistics`: a vertex's part.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TaskCheckpointStatistics")]
pub(crate) struct Task {
    id: CheckpointId,
    status: &'static str,
    #[serde(flatten)]
    parts: Parts,
}

/// What is told of a checkpoint and of each vertex's part of it.
#[derive(Serialize, JsonSchema)]
struct Parts {
    /// -1 as long as there is none.
    latest_ack_timestamp: i64,
    checkpointed_size: u64,
    state_size: u64,
    end_to_end_duration: i64,
    alignment_buffered: u64,
    processed_data: u64,
    persisted_data: u64,
    num_subtasks: u32,
    num_acknowledged_subtasks: u32,
}

impl Parts {
    fn new(totals: Totals, latest_ack: Option<MonoTime>, duration: i64, view: &CheckpointsView) -> Self {
        Self {
            latest_ack_timestamp: latest_ack.map_or(-1, |time| view.unix_ms(time)),
            checkpointed_size: totals.checkpointed_size,
            state_size: totals.state_size,
            end_to_end_duration: duration,
            alignment_buffered: 0, // nothing is buffered: channels are blocked by credit
            processed_data: totals.processed,
            persisted_data: totals.persisted,
            num_subtasks: totals.subtasks,
            num_acknowledged_subtasks: totals.acknowledged,
        }
    }
}

impl Checkpoint {
    /// A checkpoint at `now`, in Unix milliseconds, without its tasks.
    pub(super) fn new(record: &CheckpointRecord, view: &CheckpointsView, now: i64) -> Self {
        let (class_name, end) = match &record.status {
            RecordStatus::InProgress => ("in_progress", End::InProgress {}),
            RecordStatus::Completed { external_path, discarded } => {
                ("completed", End::Completed { external_path: external_path.clone(), discarded: *discarded })
            }
            RecordStatus::Failed { at, message } => (
                "failed",
                End::Failed { failure_timestamp: view.unix_ms(*at), failure_message: message.clone() },
            ),
        };
        let duration = record.end_to_end_ms(view.time_at(now));
        let duration = i64::try_from(duration).unwrap_or(i64::MAX);
        Self {
            class_name,
            id: record.id,
            status: record.status_name(),
            is_savepoint: record.is_savepoint(),
            savepoint_format: record.savepoint_format,
            trigger_timestamp: view.unix_ms(record.triggered_at),
            parts: Parts::new(record.totals, record.latest_ack, duration, view),
            checkpoint_type: record.checkpoint_type,
            tasks: BTreeMap::new(),
            end,
        }
    }

    /// The same with its tasks.
    pub(super) fn with_tasks(record: &CheckpointRecord, view: &CheckpointsView, now: i64) -> Self {
        let tasks = record.tasks.iter().map(|task| (task.vertex, Task::new(record, task, view)));
        Self { tasks: tasks.collect(), ..Self::new(record, view, now) }
    }
}

impl Task {
    /// A vertex's part of a checkpoint.
    pub(super) fn new(record: &CheckpointRecord, task: &TaskRecord, view: &CheckpointsView) -> Self {
        let duration = task.latest_ack.map_or(-1, |ack| since_trigger(record, ack) as i64);
        Self {
            id: record.id,
            status: record.status_name(),
            parts: Parts::new(task.totals, task.latest_ack, duration, view),
        }
    }
}

/// Milliseconds from the trigger of a checkpoint to an acknowledgment.
pub(super) fn since_trigger(record: &CheckpointRecord, ack: MonoTime) -> u64 {
    ack.max(record.triggered_at).since(record.triggered_at).as_millis() as u64
}
