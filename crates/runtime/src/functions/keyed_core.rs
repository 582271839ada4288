use flott_core::{hash::stable_hash, job_config::RuntimeMode, time::Timestamp};
use flott_state::{Key, KeyedState, TimerQueue};

use super::{FunctionCore, KeyedContext, KnownWatermark, OnTimerContext, OpenContext, TimeDomain};
use crate::{
    BoxError, CheckpointEvent, Mark, Result, RuntimeContext, TaskEnd,
    operators::KeySelector,
    output::{Downstream, Flush},
};

/// What every operator with a function on keyed records consists of, beside the function: state, timers, and where it
/// emits into. It fires the timers.
///
/// Timers behave as Flink's: event-time timers fire when a watermark reaches them, before it goes on, in the order of
/// their times, together with those that are registered meanwhile and reached as well. In batch mode all timers fire at
/// the end, first those of event time, and what is registered meanwhile is ignored, since one that registers the next
/// would never end.
pub struct KeyedFunctionCore<K, Out> {
    pub(crate) base: FunctionCore<Out>,
    pub(crate) state: KeyedState<K>,
    event_timers: TimerQueue<K>,
    processing_timers: TimerQueue<K>,
    known_watermark: KnownWatermark,
    is_batch: bool,
    /// In batch mode, at the end.
    ignores_timers: bool,
}

impl<K: Key, Out> KeyedFunctionCore<K, Out> {
    /// The core of this operator, which emits into `output`.
    ///
    /// # Errors
    /// If the operator lists of a checkpoint are damaged.
    pub fn new(operator: RuntimeContext, output: Downstream<Out>) -> Result<Self> {
        let task = operator.task.clone();
        let mut state = KeyedState::new(task.subtask, task.parallelism, task.max_parallelism);
        // What gets a time to live only in this version of the program lives from now on.
        state.set_time(operator.clock().now());
        let timers = || TimerQueue::of_subtask(task.subtask, task.parallelism, task.max_parallelism);
        Ok(Self {
            state,
            event_timers: timers(),
            processing_timers: timers(),
            known_watermark: KnownWatermark::restore(&operator)?,
            is_batch: task.runtime_mode == RuntimeMode::Batch,
            ignores_timers: false,
            base: FunctionCore::new(operator, output)?,
        })
    }

    /// What the operator knows of itself.
    pub fn operator(&self) -> &RuntimeContext {
        &self.base.operator
    }

    /// For opening the function.
    pub fn open_context(&mut self) -> OpenContext<'_, K> {
        OpenContext::keyed(&self.base.operator, &mut self.base.lists, &mut self.state)
    }

    /// To be called before each batch: state with a time to live learns what time it is.
    pub fn begin_batch(&mut self) {
        self.state.set_time(self.base.operator.clock().now());
    }

    /// Makes the record's key the current one, and gives the context for the record.
    ///
    /// # Panics
    /// If the key belongs to another subtask, since the record's key was another one before.
    #[inline]
    pub fn at_record<T, S: KeySelector<T, Key = K>>(
        &mut self,
        selector: &S,
        record: &T,
        timestamp: Timestamp,
    ) -> KeyedContext<'_, K, Out> {
        selector.with(record, |key| self.state.set_key(stable_hash(key), key));
        KeyedContext::new(self, timestamp)
    }

    #[inline]
    pub(super) fn register_event_time_timer(&mut self, time: Timestamp) {
        if !self.ignores_timers {
            self.event_timers.register(time, self.state.hash(), self.state.key(), &());
        }
    }

    #[inline]
    pub(super) fn register_processing_time_timer(&mut self, time: Timestamp) {
        if !self.ignores_timers
            && self.processing_timers.register(time, self.state.hash(), self.state.key(), &())
            && !self.is_batch
        {
            self.base.operator.clock().wake_at(time);
        }
    }

    #[inline]
    pub(super) fn delete_event_time_timer(&mut self, time: Timestamp) {
        self.event_timers.delete(time, self.state.hash(), self.state.key(), &());
    }

    #[inline]
    pub(super) fn delete_processing_time_timer(&mut self, time: Timestamp) {
        self.processing_timers.delete(time, self.state.hash(), self.state.key(), &());
    }

    /// Fires the timers that a mark brings about, calling `on_timer` for each with its time, then hands the mark on.
    ///
    /// # Errors
    /// If `on_timer` returns one, and whatever ends the subtask.
    pub fn mark(
        &mut self,
        mark: Mark,
        mut on_timer: impl FnMut(Timestamp, &mut OnTimerContext<'_, K, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        if let Mark::Watermark(watermark) = mark {
            self.base.watermark = watermark;
            self.ignores_timers = self.is_batch && watermark == Timestamp::MAX;
            if !self.known_watermark.is(watermark) {
                self.fire(TimeDomain::EventTime, watermark, &mut on_timer)?;
            }
            // What they emit must not come behind the last watermark, where it would be late.
            if self.ignores_timers {
                self.fire(TimeDomain::ProcessingTime, Timestamp::MAX, &mut on_timer)?;
            }
        }
        self.base.output.mark(mark)
    }

    /// Fires the processing-time timers that are due at `now`, calling `on_timer` for each with its time, then hands the
    /// time on.
    ///
    /// # Errors
    /// If `on_timer` returns one, and whatever ends the subtask.
    pub fn on_processing_time(
        &mut self,
        now: Timestamp,
        mut on_timer: impl FnMut(Timestamp, &mut OnTimerContext<'_, K, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        if !self.is_batch {
            self.fire(TimeDomain::ProcessingTime, now, &mut on_timer)?;
            if let Some(next) = self.processing_timers.next() {
                self.base.operator.clock().wake_at(next);
            }
        }
        self.base.output.on_processing_time(now)
    }

    /// Fires the timers of a domain up to a time, that included.
    fn fire(
        &mut self,
        domain: TimeDomain,
        up_to: Timestamp,
        on_timer: &mut impl FnMut(Timestamp, &mut OnTimerContext<'_, K, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        if self.timers(domain).next().is_none_or(|first| first > up_to) {
            return Ok(());
        }
        let _scope = self.base.enter();
        self.begin_batch();
        while let Some(timer) = self.timers(domain).pop_due(up_to) {
            self.state.set_key(timer.hash, &timer.key);
            if let Err(error) = on_timer(timer.time, &mut OnTimerContext::new(self, domain, timer.time)) {
                return Err(self.base.failure(error));
            }
            // Timers that register the next one may go on for ever, as at the last watermark.
            if self.base.operator.task.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
        }
        Ok(())
    }

    fn timers(&mut self, domain: TimeDomain) -> &mut TimerQueue<K> {
        match domain {
            TimeDomain::EventTime => &mut self.event_timers,
            TimeDomain::ProcessingTime => &mut self.processing_timers,
        }
    }

    /// Hands on what was emitted.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    #[inline]
    pub fn send(&mut self) -> Result<()> {
        self.base.output.send()
    }

    /// As [`Output::end`](crate::Output::end).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn end(&mut self) -> Result<()> {
        self.base.output.end()
    }

    /// As [`Output::flush`](crate::Output::flush).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn flush(&mut self, flush: Flush) -> Result<()> {
        self.base.output.flush(flush)
    }

    /// As [`Output::close`](crate::Output::close).
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn close(&mut self) -> Result<bool> {
        self.base.output.close()
    }

    /// Takes part in a checkpoint, as all that is behind it.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let mut part = event.operator(&self.base.operator);
        part.keyed("state", &mut self.state)?;
        part.keyed("event-time timers", &mut self.event_timers)?;
        part.keyed("processing-time timers", &mut self.processing_timers)?;
        KnownWatermark::checkpoint(&self.base.operator, event, self.base.watermark)?;
        self.base.checkpoint(event)
    }

    /// Goes on from what a checkpoint has. To be called when the function is open and has registered its states.
    ///
    /// # Errors
    /// If that is damaged or of other types.
    pub fn restore(&mut self) -> Result<()> {
        let restored = self.base.operator.restored();
        restored.keyed("state", &mut self.state)?;
        restored.keyed("event-time timers", &mut self.event_timers)?;
        restored.keyed("processing-time timers", &mut self.processing_timers)?;
        if let Some(next) = self.processing_timers.next()
            && !self.is_batch
        {
            self.base.operator.clock().wake_at(next);
        }
        Ok(())
    }
}
