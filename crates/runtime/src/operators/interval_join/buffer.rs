//! What an interval join keeps for a key.

use std::collections::BTreeMap;

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Interval;

/// The records of one side that may still find partners, in order of time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TimedBuffer<T> {
    /// By timestamp, and those of the same timestamp in the order in which they came.
    records: BTreeMap<(Timestamp, u64), T>,
    arrivals: u64,
}

impl<T> Default for TimedBuffer<T> {
    fn default() -> Self {
        Self { records: BTreeMap::new(), arrivals: 0 }
    }
}

impl<T> TimedBuffer<T> {
    #[inline]
    pub(super) fn insert(&mut self, timestamp: Timestamp, record: T) {
        self.records.insert((timestamp, self.arrivals), record);
        self.arrivals += 1;
    }

    /// The records from one time to another, both included.
    #[inline]
    pub(super) fn range(
        &self,
        (from, to): (Timestamp, Timestamp),
    ) -> impl Iterator<Item = (Timestamp, &T)> + use<'_, T> {
        // Between exclusive bounds there may be no time at all.
        let records = (from <= to).then(|| self.records.range((from, 0)..=(to, u64::MAX)));
        records.into_iter().flatten().map(|(&(timestamp, _), record)| (timestamp, record))
    }

    /// Forgets the records up to this time, included.
    fn remove_up_to(&mut self, limit: Timestamp) {
        while let Some(first) = self.records.first_entry()
            && first.key().0 <= limit
        {
            first.remove();
        }
    }

    fn first(&self) -> Option<Timestamp> {
        self.records.first_key_value().map(|((timestamp, _), _)| *timestamp)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}

/// What is kept for a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sides<A, B> {
    pub(super) left: TimedBuffer<A>,
    pub(super) right: TimedBuffer<B>,
    /// When the key's timer stands, if it has one: when the first of its records can go.
    pub(super) cleanup_at: Option<Timestamp>,
}

impl<A, B> Default for Sides<A, B> {
    fn default() -> Self {
        Self { left: TimedBuffer::default(), right: TimedBuffer::default(), cleanup_at: None }
    }
}

impl<A, B> Sides<A, B> {
    /// Forgets what finds no partners any more. Returns when there will be more to forget, or nothing if nothing is
    /// left.
    pub(super) fn clean_up(&mut self, interval: &Interval, watermark: Timestamp) -> Option<Timestamp> {
        self.left.remove_up_to(interval.left_up_to(watermark));
        self.right.remove_up_to(interval.right_up_to(watermark));
        let left = self.left.first().map(|first| interval.left_cleanup(first));
        let right = self.right.first().map(|first| interval.right_cleanup(first));
        self.cleanup_at = match (left, right) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        };
        self.cleanup_at
    }
}
