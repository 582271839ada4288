//! What happens to the windows of one key.

use std::marker::PhantomData;

use flott_core::{job_config::RuntimeMode, time::Timestamp};
use flott_state::{Key, Timer, TimerQueue};

use super::{
    super::{
        EvictorContext, TimeDomain, Trigger, TriggerContext, TriggerResult, Window, WindowAssigner,
        WindowFunction,
        arrivals::Arrivals,
        function::{Firing, Times},
        trigger::TimerRequest,
    },
    Slot, Store,
};
use crate::{
    CheckpointEvent, ProcessingClock, Result, RuntimeContext, functions::KnownWatermark, output::Downstream,
};

/// The names of the timers in checkpoints.
const EVENT_TIMERS: &str = "event-time timers";
const PROCESSING_TIMERS: &str = "processing-time timers";

pub(super) struct Engine<T, K, A, G, X, F>
where
    K: Key,
    A: WindowAssigner<T>,
    X: Store<T, A::Window>,
    F: WindowFunction<X::Value, K, A::Window>,
{
    pub(super) assigner: A,
    pub(super) domain: TimeDomain,
    pub(super) is_merging: bool,
    pub(super) lateness: i64,
    pub(super) times: Times,
    pub(super) firing: Firing<X::Value, K, A::Window, F>,
    trigger: G,
    store: X,
    event_timers: TimerQueue<K, A::Window>,
    processing_timers: TimerQueue<K, A::Window>,
    pub(super) known_watermark: KnownWatermark,
    clock: ProcessingClock,
    /// In batch mode no timer is set once the input has ended: there is no time after it.
    is_batch: bool,
    /// What the trigger has asked for, to be done when it has returned.
    requests: Vec<TimerRequest>,
    arrivals: Arrivals,
    record: PhantomData<fn(T)>,
}

/// The windows of a key.
pub(super) type Slots<T, A, G, X> = Vec<SlotOf<T, A, G, X>>;

/// A window of such windows.
pub(super) type SlotOf<T, A, G, X> = Slot<
    <A as WindowAssigner<T>>::Window,
    <X as Store<T, <A as WindowAssigner<T>>::Window>>::State,
    <G as Trigger<T, <A as WindowAssigner<T>>::Window>>::State,
>;

impl<T, K, A, G, X, F> Engine<T, K, A, G, X, F>
where
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    X: Store<T, A::Window>,
    F: WindowFunction<X::Value, K, A::Window>,
{
    /// Opens the function, then goes on from what a checkpoint has.
    pub(super) fn open(
        operator: &RuntimeContext,
        assigner: A,
        trigger: G,
        store: X,
        function: F,
        lateness: i64,
        next: Downstream<F::Record>,
    ) -> Result<Self> {
        let is_merging = assigner.is_merging();
        let firing = Firing::open(operator, function, is_merging, next)?;
        let task = &operator.task;
        let timers = || TimerQueue::of_subtask(task.subtask, task.parallelism, task.max_parallelism);
        let mut engine = Self {
            domain: assigner.time_domain(),
            is_merging,
            assigner,
            lateness,
            times: Times { watermark: Timestamp::MIN, processing_time: Timestamp::MIN },
            firing,
            trigger,
            store,
            event_timers: timers(),
            processing_timers: timers(),
            known_watermark: KnownWatermark::restore(operator)?,
            clock: operator.clock().clone(),
            is_batch: task.runtime_mode == RuntimeMode::Batch,
            requests: Vec::new(),
            arrivals: Arrivals::restore(operator)?,
            record: PhantomData,
        };
        let restored = operator.restored();
        restored.keyed(EVENT_TIMERS, &mut engine.event_timers)?;
        restored.keyed(PROCESSING_TIMERS, &mut engine.processing_timers)?;
        engine.wake_for_next();
        Ok(engine)
    }

    /// Takes part in a checkpoint, as all that is behind it.
    pub(super) fn checkpoint(
        &mut self,
        operator: &RuntimeContext,
        event: &mut CheckpointEvent<'_>,
    ) -> Result<()> {
        let mut part = event.operator(operator);
        part.keyed(EVENT_TIMERS, &mut self.event_timers)?;
        part.keyed(PROCESSING_TIMERS, &mut self.processing_timers)?;
        KnownWatermark::checkpoint(operator, event, self.times.watermark)?;
        self.arrivals.checkpoint(operator, event)?;
        self.firing.checkpoint(event)
    }

    pub(super) fn set_time(&mut self, now: Timestamp) {
        self.times.processing_time = now;
        self.firing.set_time(now);
    }

    /// When a window ends for good; the greatest timestamp of all if never.
    fn cleanup_time(&self, window: &A::Window) -> Timestamp {
        let end = window.max_timestamp();
        match self.domain {
            TimeDomain::EventTime => end.as_millis().saturating_add(self.lateness).into(),
            TimeDomain::ProcessingTime => end,
        }
    }

    /// Whether a window takes no more records.
    pub(super) fn is_late(&self, window: &A::Window) -> bool {
        self.domain == TimeDomain::EventTime && self.cleanup_time(window) <= self.times.watermark
    }

    /// Adds a record to one of its windows.
    pub(super) fn add(
        &mut self,
        hash: u64,
        key: &K,
        slots: &mut Slots<T, A, G, X>,
        window: A::Window,
        record: T,
        timestamp: Timestamp,
    ) {
        let at = slots.iter().position(|slot| slot.window == window).unwrap_or_else(|| {
            slots.push(Slot::new(window));
            slots.len() - 1
        });
        let slot = &mut slots[at];
        let Times { watermark, processing_time } = self.times;
        let mut context =
            TriggerContext::new(&mut slot.trigger, &mut self.requests, watermark, processing_time);
        let result = self.trigger.on_element(&record, timestamp, &slot.window, &mut context);
        self.store.add(&mut slot.contents, record, timestamp, self.arrivals.take());
        self.act(key, slot, result, result.is_purge());
        self.set_timers(hash, key, slot);
        let cleanup = self.cleanup_time(&slot.window);
        if cleanup == Timestamp::MAX {
            // Nothing will ever end it, so it is dropped as soon as it is as if it had never been.
            if slot.contents.is_none() && self.trigger.is_initial(&slot.trigger) {
                slots.swap_remove(at);
            }
        } else if !slot.ends {
            slot.ends = true;
            self.register(self.domain, cleanup, hash, key, &slot.window);
        }
    }

    fn act(&mut self, key: &K, slot: &mut SlotOf<T, A, G, X>, result: TriggerResult, is_last: bool) {
        if result.is_fire() {
            let Self { firing, times, .. } = self;
            let context = EvictorContext::new(times.watermark, times.processing_time);
            self.store.fire(&mut slot.contents, is_last, &slot.window, &context, |value| {
                firing.fire(key, &slot.window, value, *times);
            });
        }
        if result.is_purge() {
            slot.contents = None;
        }
    }

    /// Makes a record's window one of the key's, together with those that it merges with. Returns what it has become,
    /// unless that is late.
    ///
    /// # Errors
    /// If merging has made a window that should be over.
    pub(super) fn merge(
        &mut self,
        hash: u64,
        key: &K,
        slots: &mut Slots<T, A, G, X>,
        window: A::Window,
    ) -> Result<A::Window, String> {
        let mut result = window;
        let mut merged: Slots<T, A, G, X> = Vec::new();
        // Each one that merges makes the result larger, so that it may merge with one that it did not merge with before.
        while let Some((at, larger)) = slots
            .iter()
            .enumerate()
            .find_map(|(at, slot)| Some((at, self.assigner.merged(&result, &slot.window)?)))
        {
            if merged.is_empty() && larger == slots[at].window {
                // Nothing changes. It can't merge with others, which that window would have merged with.
                return Ok(larger);
            }
            merged.push(slots.remove(at));
            result = larger;
        }
        if merged.is_empty() {
            return Ok(result);
        }
        self.check_end(&result)?;

        let mut slot = SlotOf::<T, A, G, X>::new(result.clone());
        let mut states: Vec<_> = merged.iter_mut().map(|old| std::mem::take(&mut old.trigger)).collect();
        let Times { watermark, processing_time } = self.times;
        let mut context =
            TriggerContext::new(&mut slot.trigger, &mut self.requests, watermark, processing_time);
        self.trigger.on_merge(&slot.window, &mut states, &mut context);
        self.set_timers(hash, key, &mut slot);
        for (mut old, state) in merged.into_iter().zip(states) {
            old.trigger = state;
            self.clear_trigger(hash, key, &mut old);
            if old.ends {
                self.delete(self.domain, self.cleanup_time(&old.window), hash, key, &old.window);
            }
            match (&mut slot.contents, old.contents) {
                (Some(contents), Some(other)) => self.store.merge(contents, other),
                (contents @ None, other) => *contents = other,
                (Some(_), None) => {}
            }
        }
        slots.push(slot);
        Ok(result)
    }

    fn check_end(&self, window: &A::Window) -> Result<(), String> {
        let (ends, time, what, clock) = match self.domain {
            TimeDomain::EventTime => {
                (self.cleanup_time(window), self.times.watermark, "event-time", "watermark")
            }
            TimeDomain::ProcessingTime => {
                (window.max_timestamp(), self.times.processing_time, "processing-time", "time")
            }
        };
        if ends > time {
            return Ok(());
        }
        Err(format!(
            "windows of a key have merged into the {what} window {window:?}, which is over already at the current {clock} of \
             {time}: merged() must give a window that ends no earlier than those that it is made of"
        ))
    }

    /// Takes out the first timer that is due.
    pub(super) fn pop_due(&mut self, domain: TimeDomain, time: Timestamp) -> Option<Timer<K, A::Window>> {
        match domain {
            TimeDomain::EventTime => self.event_timers.pop_due(time),
            TimeDomain::ProcessingTime => self.processing_timers.pop_due(time),
        }
    }

    /// Does what a timer is for.
    pub(super) fn on_timer(
        &mut self,
        timer: &Timer<K, A::Window>,
        domain: TimeDomain,
        slots: &mut Slots<T, A, G, X>,
    ) {
        // A trigger may have left a timer behind when the window ended.
        let Some(at) = slots.iter().position(|slot| slot.window == timer.namespace) else { return };
        let slot = &mut slots[at];
        let (hash, key, time) = (timer.hash, &timer.key, timer.time);
        if domain == TimeDomain::EventTime && slot.timer == Some(time) {
            slot.timer = None;
        }
        let Times { watermark, processing_time } = self.times;
        let mut context =
            TriggerContext::new(&mut slot.trigger, &mut self.requests, watermark, processing_time);
        let result = match domain {
            TimeDomain::EventTime => self.trigger.on_event_time(time, &slot.window, &mut context),
            TimeDomain::ProcessingTime => self.trigger.on_processing_time(time, &slot.window, &mut context),
        };
        let ends = domain == self.domain && time == self.cleanup_time(&slot.window);
        self.act(key, slot, result, ends || result.is_purge());
        self.set_timers(hash, key, slot);
        if ends {
            self.clear_trigger(hash, key, slot);
            self.firing.clear(key, &slot.window, self.times);
            slots.swap_remove(at);
        } else if self.cleanup_time(&slot.window) == Timestamp::MAX
            && slot.contents.is_none()
            && self.trigger.is_initial(&slot.trigger)
        {
            slots.swap_remove(at);
        }
    }

    fn clear_trigger(&mut self, hash: u64, key: &K, slot: &mut SlotOf<T, A, G, X>) {
        let Times { watermark, processing_time } = self.times;
        let mut context =
            TriggerContext::new(&mut slot.trigger, &mut self.requests, watermark, processing_time);
        self.trigger.clear(&slot.window, &mut context);
        self.set_timers(hash, key, slot);
    }

    /// Sets and deletes the timers that the trigger has asked for.
    fn set_timers(&mut self, hash: u64, key: &K, slot: &mut SlotOf<T, A, G, X>) {
        let mut requests = std::mem::take(&mut self.requests);
        for TimerRequest { domain, time, register } in requests.drain(..) {
            if !register {
                // The timer that ends the window is not the trigger's, even if it stands at the same time.
                if !slot.ends || domain != self.domain || time != self.cleanup_time(&slot.window) {
                    self.delete(domain, time, hash, key, &slot.window);
                }
                slot.timer = slot.timer.filter(|timer| domain != TimeDomain::EventTime || *timer != time);
            } else if domain == TimeDomain::ProcessingTime {
                self.register(domain, time, hash, key, &slot.window);
            } else if slot.timer != Some(time) {
                slot.timer = Some(time);
                self.register(domain, time, hash, key, &slot.window);
            }
        }
        self.requests = requests;
    }

    fn register(&mut self, domain: TimeDomain, time: Timestamp, hash: u64, key: &K, window: &A::Window) {
        if self.is_batch && self.times.watermark == Timestamp::MAX {
            return;
        }
        match domain {
            TimeDomain::EventTime => {
                self.event_timers.register(time, hash, key, window);
            }
            TimeDomain::ProcessingTime => {
                self.processing_timers.register(time, hash, key, window);
                self.clock.wake_at(time);
            }
        }
    }

    fn delete(&mut self, domain: TimeDomain, time: Timestamp, hash: u64, key: &K, window: &A::Window) {
        match domain {
            TimeDomain::EventTime => self.event_timers.delete(time, hash, key, window),
            TimeDomain::ProcessingTime => self.processing_timers.delete(time, hash, key, window),
        };
    }

    /// Asks to be called when the next timer is due.
    pub(super) fn wake_for_next(&self) {
        if let Some(time) = self.processing_timers.next() {
            self.clock.wake_at(time);
        }
    }

    #[cfg(test)]
    pub(super) fn has_no_timers(&self) -> bool {
        self.event_timers.is_empty() && self.processing_timers.is_empty()
    }
}
