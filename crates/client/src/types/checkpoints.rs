//! Bodies about a job's checkpoints.

use std::collections::BTreeMap;

use flott_core::{CheckpointId, VertexId, checkpoint::SavepointFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The checkpoints and savepoints of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// How many there were.
    pub counts: CheckpointCounts,
    /// What is usual of the completed ones.
    pub summary: CheckpointSummary,
    /// The latest of each kind.
    pub latest: LatestCheckpoints,
    /// The last ones, newest first, without their tasks.
    pub history: Vec<Checkpoint>,
}

/// How many checkpoints and savepoints a job has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointCounts {
    /// How often the job, or a part of it, began from one.
    pub restored: u64,
    /// Triggered ones.
    pub total: u64,
    /// Under way now.
    pub in_progress: u64,
    /// Completed ones.
    pub completed: u64,
    /// Failed ones.
    pub failed: u64,
}

/// What is usual of completed checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointSummary {
    /// What was written.
    pub checkpointed_size: Statistics,
    /// All of the state.
    pub state_size: Statistics,
    /// From the trigger to the last acknowledgment.
    pub end_to_end_duration: Statistics,
    /// What was processed while barriers were awaited.
    pub processed_data: Statistics,
    /// Records that became part of it.
    pub persisted_data: Statistics,
}

/// Of several values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The least.
    pub min: i64,
    /// The largest.
    pub max: i64,
    /// The mean.
    pub avg: i64,
    /// The median; `None` if there are too few values, as the others.
    #[serde(with = "percentile")]
    pub p50: Option<f64>,
    /// 90 % are not larger.
    #[serde(with = "percentile")]
    pub p90: Option<f64>,
    /// 95 % are not larger.
    #[serde(with = "percentile")]
    pub p95: Option<f64>,
    /// 99 % are not larger.
    #[serde(with = "percentile")]
    pub p99: Option<f64>,
    /// 99.9 % are not larger.
    #[serde(with = "percentile")]
    pub p999: Option<f64>,
}

/// Numbers, or the text `NaN`.
mod percentile {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map_or_else(|| Form::Text("NaN".to_owned()), Form::Number).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(match Form::deserialize(deserializer)? {
            Form::Number(number) => Some(number).filter(|number| !number.is_nan()),
            Form::Text(text) => text.parse().ok().filter(|number: &f64| !number.is_nan()),
        })
    }
}

/// The latest checkpoints of a job by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatestCheckpoints {
    /// Completed, and no savepoint.
    pub completed: Option<Checkpoint>,
    /// Completed savepoint.
    pub savepoint: Option<Checkpoint>,
    /// Failed.
    pub failed: Option<Checkpoint>,
    /// That the job began from.
    pub restored: Option<RestoredCheckpoint>,
}

/// What a job began from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredCheckpoint {
    /// Its number.
    pub id: CheckpointId,
    /// When.
    pub restore_timestamp: i64,
    /// Whether it is a savepoint.
    pub is_savepoint: bool,
    /// Where it is.
    #[serde(default)]
    pub external_path: Option<String>,
}

/// How a checkpoint is getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointStatus {
    /// It is under way.
    InProgress,
    /// It is durable.
    Completed,
    /// It was given up.
    Failed,
}

/// One checkpoint or savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its number.
    pub id: CheckpointId,
    /// How it is getting on.
    pub status: CheckpointStatus,
    /// Whether it is a savepoint.
    pub is_savepoint: bool,
    /// Of a savepoint: its format.
    #[serde(rename = "savepointFormat", default)]
    pub savepoint_format: Option<SavepointFormat>,
    /// Its kind, such as `UNALIGNED_CHECKPOINT`.
    pub checkpoint_type: String,
    /// When it was triggered.
    pub trigger_timestamp: i64,
    /// What is told of each vertex's part, too.
    #[serde(flatten)]
    pub parts: CheckpointParts,
    /// By vertex; empty in lists.
    #[serde(default)]
    pub tasks: BTreeMap<VertexId, TaskCheckpoint>,
    /// Where it is, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_path: Option<String>,
    /// Whether it was deleted since.
    #[serde(default)]
    pub discarded: bool,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_timestamp: Option<i64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_message: Option<String>,
}

/// A vertex's part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCheckpoint {
    /// The checkpoint's number.
    pub id: CheckpointId,
    /// The checkpoint's status.
    pub status: CheckpointStatus,
    /// Its figures.
    #[serde(flatten)]
    pub parts: CheckpointParts,
}

/// Figures of a checkpoint, or of a vertex's part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointParts {
    /// When the last subtask acknowledged that has, or -1.
    pub latest_ack_timestamp: i64,
    /// What was written for it.
    pub checkpointed_size: u64,
    /// All of the state.
    pub state_size: u64,
    /// From the trigger to the last acknowledgment, or -1.
    pub end_to_end_duration: i64,
    /// What was processed while barriers were awaited.
    pub processed_data: u64,
    /// Records that became part of it.
    pub persisted_data: u64,
    /// How many subtasks take part.
    pub num_subtasks: u32,
    /// How many of them have acknowledged.
    pub num_acknowledged_subtasks: u32,
}

/// How a job takes checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointConfig {
    /// `exactly_once` or `at_least_once`.
    pub mode: String,
    /// From one to the next; -1: none by itself.
    pub interval: i64,
    /// After which one is given up.
    pub timeout: i64,
    /// From the end of one to the beginning of the next, at least.
    pub min_pause: i64,
    /// How many at the same time.
    pub max_concurrent: i64,
    /// Whether barriers overtake records.
    pub unaligned_checkpoints: bool,
    /// How many may fail in a row; -1: not set.
    pub tolerable_failed_checkpoints: i64,
}
