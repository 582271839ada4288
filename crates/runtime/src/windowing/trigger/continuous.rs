use std::time::Duration;

use flott_core::time::Timestamp;

use super::{
    super::{Window, offset::millis},
    Trigger, TriggerContext, TriggerResult,
};

/// The next time, never after the end of the window.
fn next<W: Window>(time: Timestamp, interval: i64, window: &W) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(interval)).min(window.max_timestamp())
}

/// The last multiple of the interval towards 1970, from which Flink counts.
const fn multiple(time: Timestamp, interval: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis() - time.as_millis() % interval)
}

fn problem(name: &str, interval: i64) -> Option<String> {
    (interval <= 0).then(|| format!("the interval of {name} must be at least 1 ms: it is 0 ms"))
}

/// Fires each time the watermark has passed a multiple of an interval, and at the end of the window.
///
/// In a window without an end, the end of the input fires it once, not once for each interval of the eternity after it.
#[derive(Clone, Copy, Debug)]
pub struct ContinuousEventTimeTrigger {
    interval: i64,
}

impl ContinuousEventTimeTrigger {
    /// Fires at this interval, in whole milliseconds.
    pub fn of(interval: Duration) -> Self {
        Self { interval: millis(interval) }
    }

    fn register<W: Window>(
        self,
        after: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Option<Timestamp>>,
    ) {
        let endless = window.max_timestamp() == Timestamp::MAX;
        let time = if endless && context.current_watermark() == Timestamp::MAX {
            Timestamp::MAX
        } else {
            next(after, self.interval, window)
        };
        *context.state() = Some(time);
        context.register_event_time_timer(time);
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousEventTimeTrigger {
    /// When it fires next.
    type State = Option<Timestamp>;

    fn on_element(
        &mut self,
        _: &T,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        if window.max_timestamp() <= context.current_watermark() {
            return TriggerResult::Fire;
        }
        context.register_event_time_timer(window.max_timestamp());
        if context.state().is_none() {
            self.register(multiple(timestamp, self.interval), window, context);
        }
        TriggerResult::Continue
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        if time == window.max_timestamp() {
            return TriggerResult::Fire;
        }
        if *context.state() != Some(time) {
            return TriggerResult::Continue;
        }
        self.register(time, window, context);
        TriggerResult::Fire
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: &W, merged: &mut [Self::State], context: &mut TriggerContext<'_, Self::State>) {
        if let Some(first) = merged.iter_mut().filter_map(Option::take).min() {
            *context.state() = Some(first);
            context.register_event_time_timer(first);
        }
    }

    fn clear(&mut self, _: &W, context: &mut TriggerContext<'_, Self::State>) {
        if let Some(time) = context.state().take() {
            context.delete_event_time_timer(time);
        }
    }

    fn is_initial(&self, state: &Self::State) -> bool {
        state.is_none()
    }

    fn problem(&self) -> Option<String> {
        problem("ContinuousEventTimeTrigger", self.interval)
    }
}

/// Fires each time the clock has passed a multiple of an interval, and at the end of the window.
#[derive(Clone, Copy, Debug)]
pub struct ContinuousProcessingTimeTrigger {
    interval: i64,
}

impl ContinuousProcessingTimeTrigger {
    /// Fires at this interval, in whole milliseconds.
    pub fn of(interval: Duration) -> Self {
        Self { interval: millis(interval) }
    }

    fn register<W: Window>(
        self,
        after: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Option<Timestamp>>,
    ) {
        let time = next(after, self.interval, window);
        *context.state() = Some(time);
        context.register_processing_time_timer(time);
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousProcessingTimeTrigger {
    /// When it fires next.
    type State = Option<Timestamp>;

    fn on_element(
        &mut self,
        _: &T,
        _: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        if context.state().is_none() {
            let now = context.current_processing_time();
            self.register(multiple(now, self.interval), window, context);
        }
        TriggerResult::Continue
    }

    fn on_processing_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        if time == window.max_timestamp() {
            return TriggerResult::Fire;
        }
        if *context.state() != Some(time) {
            return TriggerResult::Continue;
        }
        self.register(time, window, context);
        TriggerResult::Fire
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: &W, merged: &mut [Self::State], context: &mut TriggerContext<'_, Self::State>) {
        if let Some(first) = merged.iter_mut().filter_map(Option::take).min() {
            *context.state() = Some(first);
            context.register_processing_time_timer(first);
        }
    }

    fn clear(&mut self, _: &W, context: &mut TriggerContext<'_, Self::State>) {
        if let Some(time) = context.state().take() {
            context.delete_processing_time_timer(time);
        }
    }

    fn is_initial(&self, state: &Self::State) -> bool {
        state.is_none()
    }

    fn problem(&self) -> Option<String> {
        problem("ContinuousProcessingTimeTrigger", self.interval)
    }
}
