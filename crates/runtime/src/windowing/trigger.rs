//! When a window gives its contents.

mod continuous;
mod count;
mod delta;
mod purging;
mod time;
mod timeout;

use flott_core::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

pub use continuous::{ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger};
pub use count::CountTrigger;
pub use delta::DeltaTrigger;
pub use purging::PurgingTrigger;
pub use time::{EndOfStreamTrigger, EventTimeTrigger, NeverTrigger, ProcessingTimeTrigger};
pub use timeout::{ProcessingTimeoutTrigger, TimeoutState};

use super::{TimeDomain, Window};

/// What happens to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerResult {
    /// Nothing.
    Continue,
    /// The window function gets the contents, which stay.
    Fire,
    /// The contents are dropped.
    Purge,
    /// The window function gets the contents, which then are dropped.
    FireAndPurge,
}

impl TriggerResult {
    /// Whether the window function gets the contents.
    pub const fn is_fire(self) -> bool {
        matches!(self, Self::Fire | Self::FireAndPurge)
    }

    /// Whether the contents are dropped.
    pub const fn is_purge(self) -> bool {
        matches!(self, Self::Purge | Self::FireAndPurge)
    }
}

/// Decides when the contents of a window are given to the window function.
///
/// What it must remember is its [`State`](Trigger::State), one for each key and window. Timers belong to a key and a window
/// too; setting one twice for the same time sets it once.
///
/// ```
/// use flott_runtime::windowing::{TimeWindow, Trigger, TriggerContext, TriggerResult};
/// use flott_core::time::Timestamp;
///
/// /// Fires at the end of the window, and before that whenever a temperature is alarming.
/// #[derive(Clone)]
/// struct Alarm;
///
/// impl Trigger<f64, TimeWindow> for Alarm {
///     type State = ();
///
///     fn on_element(
///         &mut self,
///         temperature: &f64,
///         _: Timestamp,
///         window: &TimeWindow,
///         context: &mut TriggerContext<'_>,
///     ) -> TriggerResult {
///         context.register_event_time_timer(window.end());
///         if *temperature > 90.0 { TriggerResult::Fire } else { TriggerResult::Continue }
///     }
///
///     fn on_event_time(&mut self, _: Timestamp, _: &TimeWindow, _: &mut TriggerContext<'_>) -> TriggerResult {
///         TriggerResult::FireAndPurge
///     }
///
///     fn clear(&mut self, window: &TimeWindow, context: &mut TriggerContext<'_>) {
///         context.delete_event_time_timer(window.end());
///     }
/// }
/// ```
pub trait Trigger<T, W: Window>: Clone + Send + Sync + 'static {
    /// What it remembers of a key's window.
    type State: Default + Send + Serialize + DeserializeOwned + 'static;

    /// A record was added to the window. Without event time its timestamp is [`Timestamp::MIN`].
    fn on_element(
        &mut self,
        record: &T,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult;

    /// The watermark has reached `time`, for which a timer was set.
    fn on_event_time(
        &mut self,
        _time: Timestamp,
        _window: &W,
        _context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        TriggerResult::Continue
    }

    /// The clock has reached `time`, for which a timer was set.
    fn on_processing_time(
        &mut self,
        _time: Timestamp,
        _window: &W,
        _context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        TriggerResult::Continue
    }

    /// Whether it can be used with windows that merge. One that can has [`on_merge`](Trigger::on_merge).
    fn can_merge(&self) -> bool {
        false
    }

    /// Several windows have become `window`, whose state is new. What the states of the others hold is to be taken over;
    /// [`clear`](Trigger::clear) is called for each of them afterwards.
    fn on_merge(
        &mut self,
        _window: &W,
        _merged: &mut [Self::State],
        _context: &mut TriggerContext<'_, Self::State>,
    ) {
    }

    /// The window is over: timers that are still set for it are to be deleted. Its state is dropped afterwards.
    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_, Self::State>);

    /// Whether a state is as it was at the beginning. A window that never ends is forgotten when it is empty and the
    /// trigger has nothing to remember of it either.
    fn is_initial(&self, _state: &Self::State) -> bool {
        size_of::<Self::State>() == 0
    }

    /// What is wrong with the settings, and how to put it right; told when the dataflow is run.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// What a trigger can see and do.
pub struct TriggerContext<'a, S = ()> {
    state: &'a mut S,
    timers: &'a mut Vec<TimerRequest>,
    watermark: Timestamp,
    processing_time: Timestamp,
}

/// A timer to set or to delete for the current key and window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerRequest {
    pub(crate) domain: TimeDomain,
    pub(crate) time: Timestamp,
    /// Otherwise delete it.
    pub(crate) register: bool,
}

impl<'a, S> TriggerContext<'a, S> {
    pub(crate) fn new(
        state: &'a mut S,
        timers: &'a mut Vec<TimerRequest>,
        watermark: Timestamp,
        processing_time: Timestamp,
    ) -> Self {
        Self { state, timers, watermark, processing_time }
    }

    /// What the trigger remembers of this key's window.
    pub fn state(&mut self) -> &mut S {
        self.state
    }

    /// The watermark; [`Timestamp::MIN`] before the first one.
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The time of the machine's clock.
    pub fn current_processing_time(&self) -> Timestamp {
        self.processing_time
    }

    /// Has [`on_event_time`](Trigger::on_event_time) called when the watermark has reached `time`.
    pub fn register_event_time_timer(&mut self, time: Timestamp) {
        self.timers.push(TimerRequest { domain: TimeDomain::EventTime, time, register: true });
    }

    /// Has [`on_processing_time`](Trigger::on_processing_time) called when the clock has reached `time`.
    pub fn register_processing_time_timer(&mut self, time: Timestamp) {
        self.timers.push(TimerRequest { domain: TimeDomain::ProcessingTime, time, register: true });
    }

    /// Deletes a timer, if it is set.
    pub fn delete_event_time_timer(&mut self, time: Timestamp) {
        self.timers.push(TimerRequest { domain: TimeDomain::EventTime, time, register: false });
    }

    /// Deletes a timer, if it is set.
    pub fn delete_processing_time_timer(&mut self, time: Timestamp) {
        self.timers.push(TimerRequest { domain: TimeDomain::ProcessingTime, time, register: false });
    }

    /// The context for a trigger within this one, whose state is a part of this one's.
    pub fn nested<P>(&mut self, part: impl FnOnce(&mut S) -> &mut P) -> TriggerContext<'_, P> {
        TriggerContext {
            state: part(self.state),
            timers: self.timers,
            watermark: self.watermark,
            processing_time: self.processing_time,
        }
    }
}

#[cfg(test)]
mod tests;
