//! One checkpoint, in detail.

use flott_core::{
    CheckpointId, JobGraph, MonoTime, SubtaskId, VertexId,
    checkpoint::{Alignment, Barrier, CheckpointStats, SavepointFormat, SnapshotKind},
};
use serde::{Deserialize, Deserializer, Serialize};

/// One of the names that there are. An alias, since serde takes a reference for one into what it reads.
type TypeName = &'static str;

/// One checkpoint or savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRecord {
    /// Its number.
    pub id: CheckpointId,
    /// When it was triggered.
    pub triggered_at: MonoTime,
    /// Flink's name of its kind, such as `UNALIGNED_CHECKPOINT`.
    #[serde(deserialize_with = "known_type")]
    pub checkpoint_type: TypeName,
    /// Of a savepoint: its format.
    pub savepoint_format: Option<SavepointFormat>,
    /// How it went.
    pub status: RecordStatus,
    /// When the last subtask acknowledged it that has.
    pub latest_ack: Option<MonoTime>,
    /// Sums over all subtasks that have acknowledged it.
    pub totals: Totals,
    /// By vertex, in the graph's order.
    pub tasks: Vec<TaskRecord>,
}

/// How a checkpoint went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordStatus {
    /// It is under way.
    InProgress,
    /// It is durable.
    Completed {
        /// URI of its directory.
        external_path: String,
        /// Whether it was deleted since.
        discarded: bool,
    },
    /// It was given up.
    Failed {
        /// When.
        at: MonoTime,
        /// Why.
        message: String,
    },
}

/// A vertex's part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The vertex.
    pub vertex: VertexId,
    /// When the last of its subtasks acknowledged it that has.
    pub latest_ack: Option<MonoTime>,
    /// Sums over its subtasks that have acknowledged it.
    pub totals: Totals,
    /// By subtask; `None` for those that have not acknowledged it.
    pub subtasks: Vec<Option<SubtaskRecord>>,
}

/// A subtask's part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskRecord {
    /// When it acknowledged it.
    pub acknowledged_at: MonoTime,
    /// Size of its whole state in bytes.
    pub state_size: u64,
    /// How it went; all zero if it had finished before.
    pub stats: CheckpointStats,
    /// Whether it had processed all its input before.
    pub finished: bool,
}

/// Sums over subtasks, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Written for this checkpoint.
    pub checkpointed_size: u64,
    /// The whole state.
    pub state_size: u64,
    /// Processed while barriers were awaited.
    pub processed: u64,
    /// Records that became part of it.
    pub persisted: u64,
    /// How many subtasks take part.
    pub subtasks: u32,
    /// How many have acknowledged.
    pub acknowledged: u32,
}

impl Totals {
    fn add(&mut self, ack: &SubtaskRecord) {
        self.checkpointed_size += ack.stats.written;
        self.state_size += ack.state_size;
        self.processed += ack.stats.processed;
        self.persisted += ack.stats.persisted;
        self.acknowledged += 1;
    }
}

impl CheckpointRecord {
    pub(in super::super) fn new(barrier: &Barrier, graph: &JobGraph, now: MonoTime) -> Self {
        let tasks: Vec<_> = graph
            .vertices
            .iter()
            .map(|vertex| TaskRecord {
                vertex: vertex.id,
                latest_ack: None,
                totals: Totals { subtasks: vertex.parallelism, ..Totals::default() },
                subtasks: vec![None; vertex.parallelism as usize],
            })
            .collect();
        let savepoint_format = match barrier.kind {
            SnapshotKind::Savepoint { format, .. } => Some(format),
            SnapshotKind::Checkpoint { .. } => None,
        };
        Self {
            id: barrier.id,
            triggered_at: now,
            checkpoint_type: type_of(barrier),
            savepoint_format,
            status: RecordStatus::InProgress,
            latest_ack: None,
            totals: Totals { subtasks: graph.total_subtasks() as u32, ..Totals::default() },
            tasks,
        }
    }

    /// Whether it is a savepoint.
    pub const fn is_savepoint(&self) -> bool {
        self.savepoint_format.is_some()
    }

    /// Flink's name of its status, such as `IN_PROGRESS`.
    pub const fn status_name(&self) -> &'static str {
        match self.status {
            RecordStatus::InProgress => "IN_PROGRESS",
            RecordStatus::Completed { .. } => "COMPLETED",
            RecordStatus::Failed { .. } => "FAILED",
        }
    }

    /// Milliseconds from its trigger to its last acknowledgment, to its failure, or, while it is under way, to now.
    pub fn end_to_end_ms(&self, now: MonoTime) -> u64 {
        let end = match &self.status {
            RecordStatus::InProgress => now,
            RecordStatus::Completed { .. } => self.latest_ack.unwrap_or(self.triggered_at),
            RecordStatus::Failed { at, .. } => *at,
        };
        (end.max(self.triggered_at) - self.triggered_at).as_millis() as u64
    }

    /// A vertex's part.
    pub fn task(&self, vertex: VertexId) -> Option<&TaskRecord> {
        self.tasks.iter().find(|task| task.vertex == vertex)
    }

    pub(super) fn acknowledge(&mut self, subtask: SubtaskId, ack: SubtaskRecord) {
        let Some(task) = self.tasks.get_mut(subtask.vertex.0 as usize) else { return };
        let Some(place) = task.subtasks.get_mut(subtask.subtask.0 as usize) else { return };
        if place.replace(ack).is_none() {
            task.totals.add(&ack);
            task.latest_ack = Some(ack.acknowledged_at);
            self.totals.add(&ack);
            self.latest_ack = Some(ack.acknowledged_at);
        }
    }

    pub(super) fn complete(&mut self, external_path: String, metadata_size: u64) {
        self.status = RecordStatus::Completed { external_path, discarded: false };
        // Small state is inside the metadata and is counted with it already.
        self.totals.checkpointed_size = self.totals.checkpointed_size.max(metadata_size);
    }
}

const SYNC_SAVEPOINT: &str = "SYNC_SAVEPOINT";
const SAVEPOINT: &str = "SAVEPOINT";
const UNALIGNED_CHECKPOINT: &str = "UNALIGNED_CHECKPOINT";
const CHECKPOINT: &str = "CHECKPOINT";

fn type_of(barrier: &Barrier) -> &'static str {
    match (&barrier.kind, barrier.alignment) {
        (SnapshotKind::Savepoint { stop: Some(_), .. }, _) => SYNC_SAVEPOINT,
        (SnapshotKind::Savepoint { stop: None, .. }, _) => SAVEPOINT,
        (_, Alignment::Unaligned | Alignment::Aligned { timeout_ms: Some(_) }) => UNALIGNED_CHECKPOINT,
        (_, Alignment::Aligned { timeout_ms: None } | Alignment::AtLeastOnce) => CHECKPOINT,
    }
}

/// One of the names that there are; what another release has called otherwise is shown as a checkpoint.
fn known_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = [SYNC_SAVEPOINT, SAVEPOINT, UNALIGNED_CHECKPOINT].into_iter().find(|known| *known == name);
    Ok(known.unwrap_or(CHECKPOINT))
}
