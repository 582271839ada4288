//! Joins each record with those of another stream that are near in time.
//!
//! As Flink's `IntervalJoinOperator`, but for the search: the records of a key stand in order of time, so a record looks
//! at its partners alone. (There they stand in a hash map, of which each record looks at all times.) And each key has one
//! timer, not one for each record.

mod buffer;
mod interval;
#[cfg(test)]
mod tests;

use flott_core::{FailureCause, FailureKind, hash::stable_hash, time::Timestamp};
use flott_state::{Key, KeyedTable, TimerQueue};

use self::buffer::Sides;
pub use self::interval::{Bound, Interval};
use super::KeySelector;
use crate::{
    Batch, CheckpointEvent, Mark, OutputTag, Record, Result, RuntimeContext,
    functions::{FunctionCore, JoinContext, Opened, ProcessJoinFunction},
    input::TwoInputs,
    metrics::{Counter, MetricGroup},
    output::{Downstream, Flush},
};

/// Which records an [`IntervalJoin`] joins, and what becomes of late ones.
#[derive(Clone, Debug)]
pub struct IntervalJoinSettings<A, B> {
    /// How far partners may be from each other.
    pub interval: Interval,
    /// Where late records of the left side go; without, they are dropped.
    pub late_left: Option<OutputTag<A>>,
    /// Where late records of the right side go; without, they are dropped.
    pub late_right: Option<OutputTag<B>>,
}

/// Joins the records of each key whose times are near to each other. Records that are behind the watermark are late and
/// find no partners.
pub struct IntervalJoin<A, B, L: KeySelector<A>, R, F: ProcessJoinFunction<A, B>> {
    // Closed before the outputs go.
    function: Opened<F>,
    core: FunctionCore<F::Out>,
    settings: IntervalJoinSettings<A, B>,
    left_key: L,
    right_key: R,
    buffers: KeyedTable<L::Key, Sides<A, B>>,
    /// When a key has something to forget.
    cleanups: TimerQueue<L::Key>,
    late: Counter,
}

impl<A, B, L, R, F> IntervalJoin<A, B, L, R, F>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    F: ProcessJoinFunction<A, B>,
{
    /// Opens `function`, which emits into `next`.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn new(
        context: RuntimeContext,
        settings: IntervalJoinSettings<A, B>,
        (left_key, right_key): (L, R),
        function: F,
        next: Downstream<F::Out>,
    ) -> Result<Self> {
        let task = &context.task;
        let mut buffers = KeyedTable::new(task.subtask, task.parallelism, task.max_parallelism);
        let mut cleanups = TimerQueue::of_subtask(task.subtask, task.parallelism, task.max_parallelism);
        context.restored().keyed("buffers", &mut buffers)?;
        context.restored().keyed("cleanups", &mut cleanups)?;
        let late = MetricGroup::for_operator(&task.counters, &context.name).counter("numLateRecordsDropped");
        let operator = context.clone();
        let mut core = FunctionCore::new(context, next)?;
        let open = |function: &mut F| function.open(&mut core.open_context());
        let function = Opened::open(&operator, function, open, F::close)?;
        Ok(Self { function, core, settings, left_key, right_key, buffers, cleanups, late })
    }

    fn take_left(&mut self, left: A, at: Timestamp) -> Result<()> {
        if self.is_late(at, "left")? {
            match &self.settings.late_left {
                Some(tag) => self.core.output.emit_to(tag, left, at),
                None => self.late.inc(),
            }
            return Ok(());
        }
        let Self { function, core, settings, left_key, buffers, cleanups, .. } = self;
        let interval = &settings.interval;
        let sides = left_key.with(&left, |key| {
            let hash = stable_hash(key);
            let sides = buffers.get_or_insert_with(hash, key, || key.clone(), Sides::default);
            for (right_at, right) in sides.right.range(interval.of_left(at)) {
                function.process(&left, right, &mut JoinContext::new(core, at, right_at))?;
            }
            await_cleanup(cleanups, (hash, key), &mut sides.cleanup_at, interval.left_cleanup(at));
            Ok(sides)
        });
        sides.map_err(|error| self.core.failure(error))?.left.insert(at, left);
        Ok(())
    }

    fn take_right(&mut self, right: B, at: Timestamp) -> Result<()> {
        if self.is_late(at, "right")? {
            match &self.settings.late_right {
                Some(tag) => self.core.output.emit_to(tag, right, at),
                None => self.late.inc(),
            }
            return Ok(());
        }
        let Self { function, core, settings, right_key, buffers, cleanups, .. } = self;
        let interval = &settings.interval;
        let sides = right_key.with(&right, |key| {
            let hash = stable_hash(key);
            let sides = buffers.get_or_insert_with(hash, key, || key.clone(), Sides::default);
            for (left_at, left) in sides.left.range(interval.of_right(at)) {
                function.process(left, &right, &mut JoinContext::new(core, left_at, at))?;
            }
            await_cleanup(cleanups, (hash, key), &mut sides.cleanup_at, interval.right_cleanup(at));
            Ok(sides)
        });
        sides.map_err(|error| self.core.failure(error))?.right.insert(at, right);
        Ok(())
    }

    fn is_late(&self, timestamp: Timestamp, side: &str) -> Result<bool> {
        if timestamp.is_none() {
            let cause = FailureCause::new(
                FailureKind::UserError,
                format!(
                    "a record of the {side} input has no timestamp, but an interval join goes by event time: give that \
                     stream timestamps with assign_timestamps_and_watermarks"
                ),
            );
            return Err(cause.in_operator(&*self.core.operator.name).into());
        }
        Ok(timestamp < self.core.watermark)
    }

    /// Forgets what the watermark says will find no partners any more.
    fn clean_up(&mut self, watermark: Timestamp) {
        while let Some(timer) = self.cleanups.pop_due(watermark) {
            let Some(sides) = self.buffers.get_mut(timer.hash, &timer.key) else { continue };
            match sides.clean_up(&self.settings.interval, watermark) {
                Some(next) => {
                    self.cleanups.register(next, timer.hash, &timer.key, &());
                }
                None => {
                    self.buffers.remove(timer.hash, &timer.key);
                }
            }
        }
    }
}

/// Sets a key's timer if it does not stand early enough.
#[inline]
fn await_cleanup<K: Key>(
    cleanups: &mut TimerQueue<K>,
    (hash, key): (u64, &K),
    set: &mut Option<Timestamp>,
    cleanup: Timestamp,
) {
    if set.is_some_and(|set| set <= cleanup) {
        return;
    }
    if let Some(later) = set.replace(cleanup) {
        cleanups.delete(later, hash, key, &());
    }
    cleanups.register(cleanup, hash, key, &());
}

impl<A, B, L, R, F> TwoInputs<A, B> for IntervalJoin<A, B, L, R, F>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    F: ProcessJoinFunction<A, B>,
{
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                self.take_left(record, timestamp)?;
            }
        }
        self.core.output.send()
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                self.take_right(record, timestamp)?;
            }
        }
        self.core.output.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            // Keys and records are dropped here, which may be user code.
            let _scope = self.core.enter();
            self.clean_up(watermark);
        }
        self.core.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.core.output.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.function.close()?;
        self.core.output.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.core.output.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.core.output.close()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let mut part = event.operator(&self.core.operator);
        part.keyed("buffers", &mut self.buffers)?;
        part.keyed("cleanups", &mut self.cleanups)?;
        self.core.checkpoint(event)
    }
}
