//! Which records leave a window before or after its function sees them.

use std::time::Duration;

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Window, offset::millis};

/// A record and its timestamp, [`Timestamp::MIN`] if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamped<T> {
    /// The record.
    pub record: T,
    /// Its timestamp.
    pub timestamp: Timestamp,
}

/// Removes records from a window when it fires. A window with an evictor keeps all its records, even if they are aggregated.
///
/// ```
/// use flott_runtime::windowing::{Evictor, EvictorContext, TimeWindow, Timestamped};
///
/// /// Outliers are not passed to the window function.
/// #[derive(Clone)]
/// struct WithoutOutliers;
///
/// impl Evictor<f64, TimeWindow> for WithoutOutliers {
///     fn evict_before(
///         &mut self,
///         records: &mut Vec<Timestamped<f64>>,
///         _: &TimeWindow,
///         _: &EvictorContext,
///     ) {
///         records.retain(|timestamped| timestamped.record.abs() < 1_000.0);
///     }
/// }
/// ```
pub trait Evictor<T, W: Window>: Clone + Send + Sync + 'static {
    /// Removes records, in the order in which they came, before the window function sees them.
    fn evict_before(&mut self, _records: &mut Vec<Timestamped<T>>, _window: &W, _context: &EvictorContext) {}

    /// Removes records that the window function has seen.
    fn evict_after(&mut self, _records: &mut Vec<Timestamped<T>>, _window: &W, _context: &EvictorContext) {}

    /// What is wrong with the settings, and how to put it right; told when the dataflow is run.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// What an evictor is told beside the records.
#[derive(Clone, Copy, Debug)]
pub struct EvictorContext {
    watermark: Timestamp,
    processing_time: Timestamp,
}

impl EvictorContext {
    /// At these times.
    pub const fn new(watermark: Timestamp, processing_time: Timestamp) -> Self {
        Self { watermark, processing_time }
    }

    /// The watermark; [`Timestamp::MIN`] before the first one.
    pub const fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The time of the machine's clock.
    pub const fn current_processing_time(&self) -> Timestamp {
        self.processing_time
    }
}

/// The hooks of an evictor that does the same thing before or after the function.
macro_rules! before_or_after {
    ($record:ty) => {
        fn evict_before(&mut self, records: &mut Vec<Timestamped<$record>>, _: &W, _: &EvictorContext) {
            if !self.after {
                self.evict(records);
            }
        }

        fn evict_after(&mut self, records: &mut Vec<Timestamped<$record>>, _: &W, _: &EvictorContext) {
            if self.after {
                self.evict(records);
            }
        }
    };
}

/// Keeps the last records.
#[derive(Clone, Copy, Debug)]
pub struct CountEvictor {
    count: u64,
    after: bool,
}

impl CountEvictor {
    /// Keeps the last `count` records.
    pub const fn of(count: u64) -> Self {
        Self { count, after: false }
    }

    /// Removes the others after the window function has seen them, not before.
    #[must_use]
    pub const fn after(self) -> Self {
        Self { after: true, ..self }
    }

    fn evict<T>(self, records: &mut Vec<Timestamped<T>>) {
        let kept = usize::try_from(self.count).unwrap_or(usize::MAX);
        records.drain(..records.len().saturating_sub(kept));
    }
}

impl<T, W: Window> Evictor<T, W> for CountEvictor {
    before_or_after!(T);

    fn problem(&self) -> Option<String> {
        (self.count == 0)
            .then(|| "the count of a CountEvictor must be at least 1: it would leave no record".to_owned())
    }
}

/// Keeps the records that are not much older than the newest one. Does nothing to records without timestamps.
#[derive(Clone, Copy, Debug)]
pub struct TimeEvictor {
    age: i64,
    after: bool,
}

impl TimeEvictor {
    /// Keeps the records that are less than `age` older than the newest one, in whole milliseconds.
    pub fn of(age: Duration) -> Self {
        Self { age: millis(age), after: false }
    }

    /// Removes the others after the window function has seen them, not before.
    #[must_use]
    pub const fn after(self) -> Self {
        Self { after: true, ..self }
    }

    fn evict<T>(self, records: &mut Vec<Timestamped<T>>) {
        if records.first().is_none_or(|first| first.timestamp.is_none()) {
            return;
        }
        let newest = records.iter().map(|record| record.timestamp).max().unwrap_or(Timestamp::MIN);
        let cutoff = Timestamp::from_millis(newest.as_millis().saturating_sub(self.age));
        records.retain(|record| record.timestamp > cutoff);
    }
}

impl<T, W: Window> Evictor<T, W> for TimeEvictor {
    before_or_after!(T);
}

/// Keeps the records that don't differ much from the last one.
#[derive(Clone, Copy, Debug)]
pub struct DeltaEvictor<F> {
    threshold: f64,
    delta: F,
    after: bool,
}

impl<F> DeltaEvictor<F> {
    /// Keeps the records for which `delta(record, last)` is less than `threshold`.
    pub fn of<T>(threshold: f64, delta: F) -> Self
    where
        F: Fn(&T, &T) -> f64 + Clone + Send + Sync + 'static,
    {
        Self { threshold, delta, after: false }
    }

    /// Removes the others after the window function has seen them, not before.
    #[must_use]
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }

    fn evict<T>(&self, records: &mut Vec<Timestamped<T>>)
    where
        F: Fn(&T, &T) -> f64,
    {
        let Some(last) = records.pop() else { return };
        // Not `retain(delta < threshold)`: a difference that is no number keeps the record, as in Flink's comparison.
        let evicted = |record: &T| (self.delta)(record, &last.record) >= self.threshold;
        records.retain(|record| !evicted(&record.record));
        if !evicted(&last.record) {
            records.push(last);
        }
    }
}

impl<T, W: Window, F> Evictor<T, W> for DeltaEvictor<F>
where
    F: Fn(&T, &T) -> f64 + Clone + Send + Sync + 'static,
{
    before_or_after!(T);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windowing::GlobalWindow;

    fn records(pairs: &[(u64, i64)]) -> Vec<Timestamped<u64>> {
        pairs.iter().map(|&(record, time)| Timestamped { record, timestamp: time.into() }).collect()
    }

    fn evicted<E: Evictor<u64, GlobalWindow>>(mut evictor: E, pairs: &[(u64, i64)]) -> (Vec<u64>, Vec<u64>) {
        let mut records = records(pairs);
        let context = EvictorContext::new(Timestamp::MIN, Timestamp::MIN);
        evictor.evict_before(&mut records, &GlobalWindow, &context);
        let seen: Vec<u64> = records.iter().map(|record| record.record).collect();
        evictor.evict_after(&mut records, &GlobalWindow, &context);
        (seen, records.iter().map(|record| record.record).collect())
    }

    #[test]
    fn the_last_records_stay() {
        let pairs = [(1, 0), (2, 0), (3, 0)];
        assert_eq!(evicted(CountEvictor::of(2), &pairs), (vec![2, 3], vec![2, 3]));
        assert_eq!(evicted(CountEvictor::of(2).after(), &pairs), (vec![1, 2, 3], vec![2, 3]));
        assert_eq!(evicted(CountEvictor::of(5), &pairs).0, [1, 2, 3]);
        assert!(evicted(CountEvictor::of(0), &pairs).0.is_empty());
    }

    #[test]
    fn the_newest_records_stay_whatever_their_order() {
        let pairs = [(1, 10), (2, 30), (3, 19), (4, 21), (5, 20)];
        let evictor = TimeEvictor::of(Duration::from_millis(10));
        assert_eq!(evicted(evictor, &pairs), (vec![2, 4], vec![2, 4]));
        assert_eq!(evicted(evictor.after(), &pairs), (vec![1, 2, 3, 4, 5], vec![2, 4]));
        assert_eq!(evicted(evictor, &[(1, i64::MIN), (2, 100)]).0, [1, 2]);
    }

    #[test]
    fn records_like_the_last_one_stay() {
        let pairs = [(1, 0), (7, 0), (5, 0), (6, 0)];
        let evictor = DeltaEvictor::of(2.0, |one: &u64, other: &u64| one.abs_diff(*other) as f64);
        assert_eq!(evicted(evictor, &pairs), (vec![7, 5, 6], vec![7, 5, 6]));
        assert_eq!(evicted(evictor.after(), &pairs), (vec![1, 7, 5, 6], vec![7, 5, 6]));
        assert!(evicted(evictor, &[]).0.is_empty());
        assert!(evicted(DeltaEvictor::of(0.0, |_: &u64, _: &u64| 0.0), &pairs).0.is_empty());
    }
}
