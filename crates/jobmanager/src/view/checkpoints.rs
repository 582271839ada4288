//! A job's checkpoints as users see them.

use flott_control::job_master::{CheckpointRecord, CheckpointStatistics};
use flott_core::{CheckpointId, MonoTime};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// What there is to show of a job's checkpoints at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointsView {
    /// Numbers, the last checkpoints, and what is usual.
    pub statistics: CheckpointStatistics,
    /// What the wall clock showed at [`MonoTime::ZERO`], in Unix milliseconds.
    zero_unix_ms: i64,
}

impl CheckpointsView {
    pub(crate) fn new(statistics: CheckpointStatistics, clock: Clock) -> Self {
        Self { statistics, zero_unix_ms: clock.to_unix_ms(MonoTime::ZERO) }
    }

    /// What the wall clock showed at a time in the statistics, in Unix milliseconds.
    pub fn unix_ms(&self, time: MonoTime) -> i64 {
        let since = i64::try_from(time.as_micros() / 1_000).unwrap_or(i64::MAX);
        self.zero_unix_ms.saturating_add(since)
    }

    /// The time at which the wall clock showed this, for durations up to now.
    pub fn time_at(&self, unix_ms: i64) -> MonoTime {
        let since = u64::try_from(unix_ms.saturating_sub(self.zero_unix_ms)).unwrap_or(0);
        MonoTime::ZERO + std::time::Duration::from_millis(since)
    }

    /// A checkpoint that is still known.
    pub fn find(&self, id: CheckpointId) -> Option<&CheckpointRecord> {
        self.statistics.find(id).map(|record| &**record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_translated_both_ways() {
        let view = CheckpointsView { zero_unix_ms: 1_000, ..CheckpointsView::default() };
        let time = MonoTime::ZERO + std::time::Duration::from_millis(250);
        assert_eq!(view.unix_ms(time), 1_250);
        assert_eq!(view.time_at(1_250), time);
        assert_eq!(view.time_at(3), MonoTime::ZERO);
    }
}
