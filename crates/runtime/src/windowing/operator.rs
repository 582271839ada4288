//! Windows of any kind, with a state for each key and window: Flink's `WindowOperator`.

mod engine;
mod slot;
mod store;
#[cfg(test)]
mod tests;

use flott_core::{hash::stable_hash, time::Timestamp};
use flott_state::KeyedTable;

use super::{
    AssignerContext, TimeDomain, Trigger, WindowAssigner, WindowFunction,
    function::{Late, user_failure},
};
use crate::{
    Batch, CheckpointEvent, Mark, Output, OutputTag, Record, Result, RuntimeContext, TaskEnd,
    operators::KeySelector,
    output::{Downstream, Flush},
    scope,
};
use engine::{Engine, Slots};
use slot::Slot;
pub use store::{Evicting, Kept, NoEvictor, Store, Storing, WithEvictor};

/// What becomes of records that come after their window's end.
#[derive(Clone, Debug)]
pub struct WindowSettings<T> {
    /// For how long after its end a window takes records, in milliseconds. Without effect in processing time.
    pub lateness: i64,
    /// Where records go that are too late for all their windows.
    pub late: Option<OutputTag<T>>,
}

impl<T> Default for WindowSettings<T> {
    fn default() -> Self {
        Self { lateness: 0, late: None }
    }
}

/// The name of the windows in checkpoints.
const WINDOWS: &str = "windows";

/// Assigns records to windows by key and gives the contents of a window when its trigger says so.
pub struct WindowOperator<T, S, A, G, X, F>
where
    S: KeySelector<T>,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    X: Store<T, A::Window>,
    F: WindowFunction<X::Value, S::Key, A::Window>,
{
    operator: RuntimeContext,
    selector: S,
    /// The windows of each key that has any.
    windows: KeyedTable<S::Key, Slots<T, A, G, X>>,
    engine: Engine<T, S::Key, A, G, X, F>,
    late: Late<T>,
    /// The windows of the current record.
    assigned: Vec<A::Window>,
}

impl<T, S, A, G, X, F> WindowOperator<T, S, A, G, X, F>
where
    T: Record,
    S: KeySelector<T>,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    X: Store<T, A::Window>,
    F: WindowFunction<X::Value, S::Key, A::Window>,
{
    /// Assigns with `assigner`, keeps in `store`, fires with `trigger` and hands on to `next` what `function` emits.
    ///
    /// # Errors
    /// Those of the function when it opens, and if what a checkpoint has can't be restored.
    #[expect(clippy::too_many_arguments, reason = "each is one of the parts that make windows what they are")]
    pub fn new(
        operator: RuntimeContext,
        selector: S,
        assigner: A,
        trigger: G,
        store: X,
        function: F,
        settings: WindowSettings<T>,
        next: Downstream<F::Record>,
    ) -> Result<Self> {
        let engine = Engine::open(&operator, assigner, trigger, store, function, settings.lateness, next)?;
        let task = &operator.task;
        let mut windows = KeyedTable::new(task.subtask, task.parallelism, task.max_parallelism);
        operator.restored().keyed(WINDOWS, &mut windows)?;
        Ok(Self {
            engine,
            late: Late::new(&operator, settings.late),
            operator,
            selector,
            windows,
            assigned: Vec::new(),
        })
    }

    fn process(&mut self, record: T, timestamp: Timestamp) -> Result<()> {
        let engine = &mut self.engine;
        if engine.domain == TimeDomain::EventTime && timestamp.is_none() {
            return Err(without_timestamp(&self.operator));
        }
        self.assigned.clear();
        let context = AssignerContext::new(engine.times.processing_time);
        engine
            .assigner
            .assign(&record, timestamp, &context, &mut self.assigned)
            .map_err(|error| user_failure(&self.operator, &error))?;
        if engine.is_merging {
            return self.process_merging(record, timestamp);
        }
        self.assigned.retain(|window| !engine.is_late(window));
        let Some(last) = self.assigned.pop() else {
            self.skip(record, timestamp);
            return Ok(());
        };
        let (hash, found) = self.selector.with(&record, |key| {
            let hash = stable_hash(key);
            (hash, self.windows.get_entry_mut(hash, key).ok_or_else(|| key.clone()))
        });
        let (key, slots) = match found {
            Ok(found) => found,
            Err(key) => self.windows.insert(hash, key, Vec::new()),
        };
        for window in self.assigned.drain(..) {
            engine.add(hash, key, slots, window, record.clone(), timestamp);
        }
        engine.add(hash, key, slots, last, record, timestamp);
        if slots.is_empty() {
            let key = key.clone();
            self.windows.remove(hash, &key);
        }
        Ok(())
    }

    fn process_merging(&mut self, record: T, timestamp: Timestamp) -> Result<()> {
        let (hash, key) = self.selector.with(&record, |key| (stable_hash(key), key.clone()));
        let slots = self.windows.get_or_insert_with(hash, &key, || key.clone(), Vec::new);
        let mut is_skipped = true;
        self.assigned.reverse();
        while let Some(window) = self.assigned.pop() {
            let window = self
                .engine
                .merge(hash, &key, slots, window)
                .map_err(|message| user_failure(&self.operator, &message.into()))?;
            if self.engine.is_late(&window) {
                continue;
            }
            is_skipped = false;
            if self.assigned.is_empty() {
                self.engine.add(hash, &key, slots, window, record, timestamp);
                if slots.is_empty() {
                    self.windows.remove(hash, &key);
                }
                return Ok(());
            }
            self.engine.add(hash, &key, slots, window, record.clone(), timestamp);
        }
        if slots.is_empty() {
            self.windows.remove(hash, &key);
        }
        if is_skipped {
            self.skip(record, timestamp);
        }
        Ok(())
    }

    /// Deals with a record that no window took.
    fn skip(&mut self, record: T, timestamp: Timestamp) {
        let engine = &mut self.engine;
        // Otherwise it belongs to no window at all.
        if engine.domain == TimeDomain::EventTime
            && timestamp.as_millis().saturating_add(engine.lateness) <= engine.times.watermark.as_millis()
        {
            self.late.take(record, timestamp, &mut engine.firing.next);
        }
    }

    /// Fires the timers that are due.
    fn fire(&mut self, domain: TimeDomain, time: Timestamp) {
        while let Some(timer) = self.engine.pop_due(domain, time) {
            let Some(slots) = self.windows.get_mut(timer.hash, &timer.key) else { continue };
            self.engine.on_timer(&timer, domain, slots);
            if slots.is_empty() {
                self.windows.remove(timer.hash, &timer.key);
            }
        }
    }
}

impl<T, S, A, G, X, F> Output<T> for WindowOperator<T, S, A, G, X, F>
where
    T: Record,
    S: KeySelector<T>,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    X: Store<T, A::Window>,
    F: WindowFunction<X::Value, S::Key, A::Window>,
{
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.operator.position);
            self.engine.set_time(self.operator.clock().now());
            for (record, timestamp) in batch.drain() {
                self.process(record, timestamp)?;
            }
        }
        self.engine.firing.check()?;
        self.engine.firing.next.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            let _scope = scope::enter(self.operator.position);
            self.engine.set_time(self.operator.clock().now());
            self.engine.times.watermark = watermark;
            if !self.engine.known_watermark.is(watermark) {
                self.fire(TimeDomain::EventTime, watermark);
            }
        }
        self.engine.firing.check()?;
        self.engine.firing.next.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        {
            let _scope = scope::enter(self.operator.position);
            self.engine.set_time(now);
            self.fire(TimeDomain::ProcessingTime, now);
            self.engine.wake_for_next();
        }
        self.engine.firing.check()?;
        self.engine.firing.next.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.engine.firing.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.engine.firing.next.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.engine.firing.next.close()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        event.operator(&self.operator).keyed(WINDOWS, &mut self.windows)?;
        self.engine.checkpoint(&self.operator, event)
    }
}

/// The failure of an operator that needs timestamps and got a record without one.
pub(super) fn without_timestamp(operator: &RuntimeContext) -> TaskEnd {
    let message = format!(
        "a record has no timestamp, which the event-time windows of \"{}\" need: call assign_timestamps_and_watermarks on \
         a stream before it, or take processing-time windows",
        operator.name
    );
    user_failure(operator, &message.into())
}
