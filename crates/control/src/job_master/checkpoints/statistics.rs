//! What users see of a job's checkpoints.

mod record;
mod summary;

use std::{collections::VecDeque, sync::Arc};

use flott_core::{CheckpointId, MonoTime, SubtaskId};
use serde::{Deserialize, Serialize};

pub use record::{CheckpointRecord, RecordStatus, SubtaskRecord, TaskRecord, Totals};
pub use summary::Summary;

/// Checkpoints of a job: numbers, the last ones in detail, and what is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointStatistics {
    /// How many there were of each kind.
    pub counts: Counts,
    /// Of the completed ones.
    pub summaries: Summaries,
    /// The latest that was completed and is no savepoint.
    pub latest_completed: Option<Arc<CheckpointRecord>>,
    /// The latest completed savepoint.
    pub latest_savepoint: Option<Arc<CheckpointRecord>>,
    /// The latest that failed.
    pub latest_failed: Option<Arc<CheckpointRecord>>,
    /// From which the job began or began again last.
    pub latest_restored: Option<RestoredRecord>,
    /// The last ones, newest first, with those that are under way.
    pub history: VecDeque<Arc<CheckpointRecord>>,
    /// How many of them are kept.
    limit: usize,
}

/// How many checkpoints and savepoints a job has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
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

/// What is usual of completed checkpoints. Sizes in bytes, durations in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summaries {
    /// Bytes written.
    pub checkpointed_size: Summary,
    /// Size of the whole state.
    pub state_size: Summary,
    /// From the trigger to the last acknowledgment.
    pub end_to_end_duration: Summary,
    /// Bytes processed while barriers were awaited.
    pub processed_data: Summary,
    /// Bytes of records that became part of it.
    pub persisted_data: Summary,
}

/// What a job began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredRecord {
    /// Its number, among those of the job that made it.
    pub id: CheckpointId,
    /// When the job began with it.
    pub restored_at: MonoTime,
    /// Whether it is a savepoint.
    pub is_savepoint: bool,
    /// URI of its directory.
    pub external_path: String,
}

impl CheckpointStatistics {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The record of a checkpoint, if it is still known.
    pub fn find(&self, id: CheckpointId) -> Option<&Arc<CheckpointRecord>> {
        let latest = [&self.latest_completed, &self.latest_savepoint, &self.latest_failed];
        self.history.iter().chain(latest.into_iter().flatten()).find(|record| record.id == id)
    }

    pub(super) fn triggered(&mut self, record: CheckpointRecord) {
        self.counts.total += 1;
        self.counts.in_progress += 1;
        self.history.push_front(Arc::new(record));
        self.shorten();
    }

    pub(super) fn acknowledged(&mut self, id: CheckpointId, subtask: SubtaskId, ack: SubtaskRecord) {
        if let Some(record) = self.in_progress(id) {
            record.acknowledge(subtask, ack);
        }
    }

    /// `metadata_size` counts as written and as state.
    pub(super) fn completed(&mut self, id: CheckpointId, external_path: String, metadata_size: u64) {
        let Some(record) = self.in_progress(id) else { return };
        record.complete(external_path, metadata_size);
        let totals = record.totals;
        let duration = record.end_to_end_ms(record.triggered_at);
        let record = Arc::new(record.clone());
        let latest = match record.is_savepoint() {
            true => &mut self.latest_savepoint,
            false => &mut self.latest_completed,
        };
        *latest = Some(record);
        self.counts.in_progress -= 1;
        self.counts.completed += 1;
        let summaries = &mut self.summaries;
        summaries.checkpointed_size.add(totals.checkpointed_size);
        summaries.state_size.add(totals.state_size);
        summaries.end_to_end_duration.add(duration);
        summaries.processed_data.add(totals.processed);
        summaries.persisted_data.add(totals.persisted);
        self.shorten();
    }

    pub(super) fn failed(&mut self, id: CheckpointId, at: MonoTime, message: String) {
        let Some(record) = self.in_progress(id) else { return };
        record.status = RecordStatus::Failed { at, message };
        self.latest_failed = Some(Arc::new(record.clone()));
        self.counts.in_progress -= 1;
        self.counts.failed += 1;
        self.shorten();
    }

    /// It was deleted.
    pub(super) fn discarded(&mut self, id: CheckpointId) {
        let latest = self.latest_completed.iter_mut();
        for record in self.history.iter_mut().chain(latest).filter(|record| record.id == id) {
            if let RecordStatus::Completed { discarded, .. } = &mut Arc::make_mut(record).status {
                *discarded = true;
            }
        }
    }

    pub(super) fn restored(&mut self, record: RestoredRecord) {
        self.counts.restored += 1;
        self.latest_restored = Some(record);
    }

    fn in_progress(&mut self, id: CheckpointId) -> Option<&mut CheckpointRecord> {
        let record = self.history.iter_mut().find(|record| record.id == id)?;
        (record.status == RecordStatus::InProgress).then(|| Arc::make_mut(record))
    }

    /// Those under way stay, so that what comes of them is known; they are few.
    fn shorten(&mut self) {
        while self.history.len() > self.limit
            && let Some(oldest) =
                self.history.iter().rposition(|record| record.status != RecordStatus::InProgress)
        {
            self.history.remove(oldest);
        }
    }
}
