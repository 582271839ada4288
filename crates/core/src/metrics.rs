//! Metrics of subtasks, with Flink's names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a subtask has done since its start. All values only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// `numRecordsIn`: records read from input channels.
    pub records_in: u64,
    /// `numRecordsOut`: records written to output channels.
    pub records_out: u64,
    /// `numBytesIn`: bytes received from other processes.
    pub bytes_in: u64,
    /// `numBytesOut`: bytes sent to other processes.
    pub bytes_out: u64,
    /// Time spent processing, in milliseconds.
    pub busy_ms: u64,
    /// Time spent waiting for credit, in milliseconds.
    pub backpressured_ms: u64,
    /// Time spent waiting for input, in milliseconds.
    pub idle_ms: u64,
}

impl TaskMetrics {
    /// How long the subtask had run when these were read. A subtask is always in one of three phases, so this is its own
    /// clock: rates taken by it do not suffer from reports that come late or twice.
    pub fn running_time(self) -> Duration {
        Duration::from_millis(self.busy_ms + self.backpressured_ms + self.idle_ms)
    }

    /// The sum over two subtasks.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            records_in: self.records_in + other.records_in,
            records_out: self.records_out + other.records_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            busy_ms: self.busy_ms + other.busy_ms,
            backpressured_ms: self.backpressured_ms + other.backpressured_ms,
            idle_ms: self.idle_ms + other.idle_ms,
        }
    }
}
