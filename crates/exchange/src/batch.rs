//! Records on their way, and what stands between them.

use flott_core::{SubtaskIndex, VertexIndex, time::Timestamp};
use serde::{Deserialize, Serialize};

/// Records that move together.
///
/// If any record has a timestamp, all have one, [`Timestamp::MIN`] standing for none; a stream without event time
/// carries no timestamps at all and pays nothing for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T> {
    /// The records.
    pub records: Vec<T>,
    /// Their timestamps: none, or as many as there are records.
    pub timestamps: Vec<Timestamp>,
}

/// What stands between records in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// No record with this timestamp or an earlier one is expected any more (Akidau et al., "The Dataflow Model",
    /// VLDB 2015). Never less than the one before.
    Watermark(Timestamp),
    /// Nothing comes for now: who waits for watermarks shall not wait for those of this stream.
    Idle,
    /// Watermarks count again.
    Active,
    /// Tells when it was made, so that whoever gets it knows how long records took. Unlike the others it goes into one
    /// channel of an edge only, and is no part of checkpoints.
    Latency(LatencyMarker),
}

/// A mark that a source has put between its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyMarker {
    /// When, in microseconds since 1970 by the source's clock.
    pub marked_at_us: i64,
    /// The vertex whose head is the source.
    pub source: VertexIndex,
    /// The source's subtask.
    pub subtask: SubtaskIndex,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for Batch<T> {
    fn from(records: Vec<T>) -> Self {
        Self { records, timestamps: Vec::new() }
    }
}

impl<T> FromIterator<T> for Batch<T> {
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        Vec::from_iter(records).into()
    }
}

impl<T> Batch<T> {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { records: Vec::new(), timestamps: Vec::new() }
    }

    /// An empty batch with memory for this many records.
    pub fn with_capacity(records: usize) -> Self {
        Vec::with_capacity(records).into()
    }

    /// Number of records.
    #[inline]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no records.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the records have timestamps.
    #[inline]
    pub fn is_timestamped(&self) -> bool {
        !self.timestamps.is_empty()
    }

    /// Removes all records but keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.records.clear();
        self.timestamps.clear();
    }

    /// Appends a record with its timestamp, [`Timestamp::MIN`] if it has none.
    #[inline]
    pub fn push(&mut self, record: T, timestamp: Timestamp) {
        if !timestamp.is_none() || self.is_timestamped() {
            // Records before the first one with a timestamp have none.
            self.timestamps.resize(self.records.len(), Timestamp::MIN);
            self.timestamps.push(timestamp);
        }
        self.records.push(record);
    }

    /// The timestamp of the record at `index`, [`Timestamp::MIN`] if it has none.
    #[inline]
    pub fn timestamp(&self, index: usize) -> Timestamp {
        self.timestamps.get(index).copied().unwrap_or(Timestamp::MIN)
    }

    /// Takes out all records with their timestamps. The memory is kept; records that the caller leaves are dropped.
    #[inline]
    pub fn drain(&mut self) -> impl Iterator<Item = (T, Timestamp)> + '_ {
        let mut timestamps = self.timestamps.drain(..);
        self.records.drain(..).map(move |record| (record, timestamps.next().unwrap_or(Timestamp::MIN)))
    }

    /// Moves the first `count` records into `front`, which is empty.
    pub fn split_front(&mut self, count: usize, front: &mut Self) {
        front.records.extend(self.records.drain(..count));
        if self.is_timestamped() {
            front.timestamps.extend(self.timestamps.drain(..count));
        }
    }

    /// Keeps the records for which `predicate` holds.
    #[inline]
    pub fn retain(&mut self, mut predicate: impl FnMut(&T) -> bool) {
        if !self.is_timestamped() {
            return self.records.retain(predicate);
        }
        let mut kept = 0;
        let mut seen = 0;
        let timestamps = &mut self.timestamps;
        self.records.retain(|record| {
            let keep = predicate(record);
            if keep {
                timestamps[kept] = timestamps[seen];
                kept += 1;
            }
            seen += 1;
            keep
        });
        timestamps.truncate(kept);
    }
}

impl<T: Clone> Batch<T> {
    /// Becomes a copy of `other`, in its own memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.records.clone_from(&other.records);
        self.timestamps.clone_from(&other.timestamps);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamped(records: &[(u8, Option<i64>)]) -> Batch<u8> {
        let mut batch = Batch::new();
        for &(record, timestamp) in records {
            batch.push(record, timestamp.map_or(Timestamp::MIN, Timestamp::from_millis));
        }
        batch
    }

    #[test]
    fn a_batch_without_timestamps_carries_none() {
        let batch = stamped(&[(1, None), (2, None)]);
        assert!(!batch.is_timestamped());
        assert_eq!(batch.timestamp(1), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn records_keep_their_timestamps(records: Vec<(u8, Option<i64>)>, cut: prop::sample::Index) {
            prop_assume!(!records.is_empty());
            let expected: Vec<_> = records
                .iter()
                .map(|&(record, time)| (record, time.map_or(Timestamp::MIN, Timestamp::from_millis)))
                .collect();
            prop_assert_eq!(stamped(&records).drain().collect::<Vec<_>>(), expected.clone());

            let (mut back, mut front) = (stamped(&records), Batch::new());
            back.split_front(cut.index(records.len()), &mut front);
            prop_assert_eq!(front.drain().chain(back.drain()).collect::<Vec<_>>(), expected.clone());

            let mut even = stamped(&records);
            even.retain(|record| record % 2 == 0);
            prop_assert_eq!(even.timestamps.len(), if even.is_timestamped() { even.len() } else { 0 });
            let kept: Vec<_> = expected.into_iter().filter(|(record, _)| record % 2 == 0).collect();
            prop_assert_eq!(even.drain().collect::<Vec<_>>(), kept);
        }
    }
}
