use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flott_runtime::{
    BATCH_RECORDS, Batch, Boundedness, BoxError, ReadStatus, Record, RuntimeContext, Source, SourceReader,
    SplitEnumerator, all_splits,
};
use serde::{Deserialize, Serialize};

/// Splits per subtask of a bounded sequence, so that a slow subtask takes fewer.
const SPLITS_PER_SUBTASK: u64 = 8;

/// How long to wait for a record that is due after the end of all clocks.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3600);

/// Emits `function(0)`, `function(1)`, …, spread over the subtasks.
///
/// ```
/// use flott_connectors::GeneratorSource;
///
/// // Ten readings a second, for ever, all subtasks together.
/// GeneratorSource::new(None, |index| (format!("sensor-{}", index % 3), index * 7919 % 451)).rate(10.0);
/// ```
pub struct GeneratorSource<F> {
    function: Arc<F>,
    count: Option<u64>,
    rate: Option<f64>,
}

impl<F> GeneratorSource<F> {
    /// Emits for the first `count` numbers, or for ever.
    pub fn new<T>(count: Option<u64>, function: F) -> Self
    where
        F: Fn(u64) -> T,
    {
        Self { function: Arc::new(function), count, rate: None }
    }

    /// Emits this many records a second, all subtasks together, each its equal share. Time in which a subtask could not emit, because what
    /// comes after it was busy, is made up for, so that the number of records depends on the time alone. Time in which the
    /// job did not run is not.
    #[must_use]
    pub fn rate(mut self, records_per_second: f64) -> Self {
        self.rate = Some(records_per_second);
        self
    }
}

/// The numbers `next`, `next + stride`, ….
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorSplit {
    next: u64,
    stride: u64,
    /// How many are left; `None` = no end.
    remaining: Option<u64>,
}

impl GeneratorSplit {
    /// Every `parts`th of its numbers, from its `part`th.
    fn divide(self, part: u64, parts: u64) -> Option<Self> {
        let remaining = match self.remaining {
            Some(remaining) if remaining <= part => return None,
            Some(remaining) => Some((remaining - part).div_ceil(parts)),
            None => None,
        };
        Some(Self { next: self.next + part * self.stride, stride: self.stride * parts, remaining })
    }
}

/// Reads a [`GeneratorSource`].
pub struct GeneratorReader<F> {
    function: Arc<F>,
    split: GeneratorSplit,
    /// Of all subtasks together.
    rate: Option<f64>,
    pace: Option<Pace>,
}

/// Spreads records evenly over time, counted from the first split, so that a pause is made up for.
struct Pace {
    start: Option<Instant>,
    per_second: f64,
    emitted: u64,
}

impl<T: Record, F: Fn(u64) -> T + Send + Sync + 'static> Source for GeneratorSource<F> {
    type Record = T;
    type Split = GeneratorSplit;
    type Reader = GeneratorReader<F>;

    fn boundedness(&self) -> Boundedness {
        if self.count.is_some() { Boundedness::Bounded } else { Boundedness::Unbounded }
    }

    fn enumerator(
        &self,
        context: &RuntimeContext,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<GeneratorSplit>>, BoxError> {
        let subtasks = u64::from(context.task.parallelism);
        Ok(all_splits(match self.count {
            Some(count) => ranges(count, subtasks * SPLITS_PER_SUBTASK),
            None => {
                (0..subtasks).map(|next| GeneratorSplit { next, stride: subtasks, remaining: None }).collect()
            }
        }))
    }

    fn divide(&self, split: GeneratorSplit, part: u32, parts: u32) -> Option<GeneratorSplit> {
        split.divide(part.into(), parts.into())
    }

    fn reader(&self, context: &RuntimeContext) -> Result<GeneratorReader<F>, BoxError> {
        let pace = match self.rate {
            Some(rate) if rate.is_finite() && rate > 0.0 => {
                Some(Pace { start: None, per_second: rate / f64::from(context.task.parallelism), emitted: 0 })
            }
            Some(rate) => {
                return Err(format!("cannot emit {rate} records a second: give a positive rate").into());
            }
            None => None,
        };
        let split = GeneratorSplit { next: 0, stride: 1, remaining: Some(0) };
        Ok(GeneratorReader { function: self.function.clone(), split, rate: self.rate, pace })
    }
}

/// Cuts `0..count` into at most `parts` ranges of about equal length.
fn ranges(count: u64, parts: u64) -> Vec<GeneratorSplit> {
    let length = count.div_ceil(parts.max(1)).max(1);
    (0..count.div_ceil(length))
        .map(|part| {
            let next = part * length;
            GeneratorSplit { next, stride: 1, remaining: Some(length.min(count - next)) }
        })
        .collect()
}

impl<T: Record, F: Fn(u64) -> T + Send + Sync + 'static> SourceReader for GeneratorReader<F> {
    type Record = T;
    type Split = GeneratorSplit;

    fn start(&mut self, split: GeneratorSplit) -> Result<(), BoxError> {
        if let (None, Some(pace), Some(rate)) = (split.remaining, &mut self.pace, self.rate) {
            // There are `stride` of them, whatever the number of subtasks is that read them after the job was rescaled.
            pace.per_second = rate / split.stride as f64;
        }
        self.split = split;
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<T>) -> Result<ReadStatus, BoxError> {
        let mut due = BATCH_RECORDS as u64;
        if let Some(pace) = &mut self.pace {
            match pace.due(now()) {
                Ok(count) => due = due.min(count),
                Err(later) => return Ok(ReadStatus::WaitUntil(later)),
            }
        }
        let split = &mut self.split;
        let count = split.remaining.map_or(due, |remaining| remaining.min(due));
        let (first, stride) = (split.next, split.stride);
        batch.records.extend((0..count).map(|step| (self.function)(first + step * stride)));
        split.next += count * stride;
        if let Some(pace) = &mut self.pace {
            pace.emitted += count;
        }
        Ok(match &mut split.remaining {
            Some(remaining) => {
                *remaining -= count;
                if *remaining == 0 { ReadStatus::SplitEnded } else { ReadStatus::More }
            }
            None => ReadStatus::More,
        })
    }

    fn pending_records(&self) -> Option<u64> {
        self.split.remaining
    }

    fn snapshot(&mut self) -> Result<Option<GeneratorSplit>, BoxError> {
        Ok((self.split.remaining != Some(0)).then(|| self.split.clone()))
    }
}

impl Pace {
    /// How many records are due now, or when the next one is.
    fn due(&mut self, now: Instant) -> Result<u64, Instant> {
        let start = *self.start.get_or_insert(now);
        let should_be = ((now - start).as_secs_f64() * self.per_second) as u64;
        match should_be.saturating_add(1).saturating_sub(self.emitted) {
            0 => {
                let wait = Duration::try_from_secs_f64(self.emitted as f64 / self.per_second);
                let next = wait.ok().and_then(|wait| start.checked_add(wait));
                // A rate of one record in many ages.
                Err(next.unwrap_or(now + FAR_AWAY))
            }
            due => Ok(due),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a rate needs the time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::read_all;

    proptest! {
        #[test]
        fn ranges_of_any_count_do_not_overflow(count: u64, parts: u64) {
            let last = ranges(count, parts.clamp(1, 100)).pop();
            prop_assert_eq!(last.map_or(0, |split| split.next + split.remaining.unwrap()), count);
        }

        #[test]
        fn parts_of_a_split_cover_each_of_its_numbers_once(next in 0u64..100, stride in 1u64..10, left in 0u64..50, parts in 1u64..10) {
            let numbers = |split: GeneratorSplit| (0..split.remaining.unwrap()).map(move |step| split.next + step * split.stride);
            let split = GeneratorSplit { next, stride, remaining: Some(left) };
            let divided = (0..parts).filter_map(|part| split.clone().divide(part, parts));
            let mut emitted: Vec<_> = divided.inspect(|part| assert_ne!(part.remaining, Some(0))).flat_map(numbers).collect();
            emitted.sort_unstable();
            prop_assert_eq!(emitted, numbers(split).collect::<Vec<_>>());
        }

        #[test]
        fn ranges_cover_each_number_once(count in 0u64..10_000, parts in 1u64..100) {
            let splits = ranges(count, parts);
            prop_assert!(splits.len() as u64 <= parts);
            let mut next = 0;
            for split in splits {
                prop_assert_eq!(split.next, next);
                prop_assert!(split.remaining > Some(0));
                next += split.remaining.unwrap();
            }
            prop_assert_eq!(next, count);
        }
    }

    #[test]
    fn a_pace_gives_what_is_due_and_says_when_to_come_back() {
        let start = now();
        let mut pace = Pace { start: None, per_second: 10.0, emitted: 0 };
        assert_eq!(pace.due(start), Ok(1), "time runs from here");
        pace.emitted = 1;
        assert_eq!(pace.due(start), Err(start + Duration::from_millis(100)));
        assert_eq!(pace.due(start + Duration::from_secs(1)), Ok(10));
    }

    #[test]
    fn the_slowest_pace_is_no_crash() {
        let start = now();
        for per_second in [f64::MIN_POSITIVE, 1e-18, 1e-10] {
            let mut pace = Pace { start: Some(start), per_second, emitted: 1 };
            assert!(pace.due(start).unwrap_err() > start);
        }
        let mut fastest = Pace { start: Some(start), per_second: f64::MAX, emitted: 1 };
        assert_eq!(fastest.due(start + Duration::from_secs(1)), Ok(u64::MAX - 1));
    }

    #[test]
    fn a_rate_is_kept_by_all_subtasks_together() {
        let start = now();
        let mut emitted = 0;
        for _ in 0..3 {
            let mut pace = Pace { start: None, per_second: 1_000.0 / 3.0, emitted: 0 };
            let (mut now, end) = (start, start + Duration::from_secs(10));
            let mut waits = 0;
            while now < end {
                match pace.due(now) {
                    Ok(count) => pace.emitted += count,
                    // As timers do: not before the time, but maybe a millisecond later.
                    Err(later) => now = later + Duration::from_millis(1),
                }
                waits += 1;
            }
            assert!(waits < 6_800, "it waits for each record: {waits}");
            emitted += pace.emitted;
        }
        assert!((9_990..=10_003).contains(&emitted), "{emitted}");
    }

    #[test]
    fn the_splits_of_an_endless_generator_keep_its_rate_whoever_reads_them() {
        let source = GeneratorSource::new(None, |index| index).rate(1_000.0);
        let rate_of = |splits: Vec<GeneratorSplit>, parallelism| {
            let mut context = crate::testing::operator();
            context.task.parallelism = parallelism;
            let rate = |split| {
                let mut reader = source.reader(&context).unwrap();
                reader.start(split).unwrap();
                reader.pace.unwrap().per_second
            };
            splits.into_iter().map(rate).sum::<f64>()
        };
        let begun = |next| GeneratorSplit { next, stride: 4, remaining: None };
        assert_eq!(rate_of((0..4).map(begun).collect(), 2), 1_000.0, "two subtasks for what four have begun");
        let divided = |part| [0, 1, 2, 3].map(|next| source.divide(begun(next), part, 2).unwrap());
        assert_eq!(rate_of((0..2).flat_map(divided).collect(), 8), 1_000.0, "eight subtasks");
    }

    #[test]
    fn a_rate_that_is_none_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let source = GeneratorSource::new(Some(1), |index| index).rate(rate);
            let error = source.reader(&crate::testing::operator()).err().unwrap();
            assert!(error.to_string().contains("give a positive rate"), "{error}");
        }
    }

    #[test]
    fn an_empty_generator_has_no_splits() {
        let source = GeneratorSource::new(Some(0), |index| index);
        assert_eq!(read_all(&source).unwrap(), [0; 0]);
    }

    #[test]
    fn all_numbers_are_emitted_once() {
        let source = GeneratorSource::new(Some(10_000), |index| index);
        assert_eq!(read_all(&source).unwrap(), (0..10_000).collect::<Vec<_>>());
    }
}
