use flott_core::time::Timestamp;

use super::{
    super::{GlobalWindow, Window},
    Trigger, TriggerContext, TriggerResult,
};

/// Fires when the watermark has passed the end of the window, and then for each record that is late but allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventTimeTrigger;

impl EventTimeTrigger {
    /// The trigger.
    pub const fn create() -> Self {
        Self
    }
}

impl<T, W: Window> Trigger<T, W> for EventTimeTrigger {
    type State = ();

    fn on_element(
        &mut self,
        _: &T,
        _: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_>,
    ) -> TriggerResult {
        if window.max_timestamp() <= context.current_watermark() {
            return TriggerResult::Fire;
        }
        context.register_event_time_timer(window.max_timestamp());
        TriggerResult::Continue
    }

    fn on_event_time(&mut self, time: Timestamp, window: &W, _: &mut TriggerContext<'_>) -> TriggerResult {
        if time == window.max_timestamp() { TriggerResult::Fire } else { TriggerResult::Continue }
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &W, _: &mut [()], context: &mut TriggerContext<'_>) {
        // Otherwise the record that made them merge fires the window.
        if window.max_timestamp() > context.current_watermark() {
            context.register_event_time_timer(window.max_timestamp());
        }
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_>) {
        context.delete_event_time_timer(window.max_timestamp());
    }
}

/// Fires when the clock has passed the end of the window.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessingTimeTrigger;

impl ProcessingTimeTrigger {
    /// The trigger.
    pub const fn create() -> Self {
        Self
    }
}

impl<T, W: Window> Trigger<T, W> for ProcessingTimeTrigger {
    type State = ();

    fn on_element(
        &mut self,
        _: &T,
        _: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_>,
    ) -> TriggerResult {
        context.register_processing_time_timer(window.max_timestamp());
        TriggerResult::Continue
    }

    fn on_processing_time(&mut self, _: Timestamp, _: &W, _: &mut TriggerContext<'_>) -> TriggerResult {
        TriggerResult::Fire
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &W, _: &mut [()], context: &mut TriggerContext<'_>) {
        if window.max_timestamp() > context.current_processing_time() {
            context.register_processing_time_timer(window.max_timestamp());
        }
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_>) {
        context.delete_processing_time_timer(window.max_timestamp());
    }
}

/// Never fires.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverTrigger;

impl<T, W: Window> Trigger<T, W> for NeverTrigger {
    type State = ();

    fn on_element(&mut self, _: &T, _: Timestamp, _: &W, _: &mut TriggerContext<'_>) -> TriggerResult {
        TriggerResult::Continue
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_>) {}
}

/// Fires once, at the end of a bounded input.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndOfStreamTrigger;

impl<T> Trigger<T, GlobalWindow> for EndOfStreamTrigger {
    type State = ();

    fn on_element(
        &mut self,
        _: &T,
        _: Timestamp,
        window: &GlobalWindow,
        context: &mut TriggerContext<'_>,
    ) -> TriggerResult {
        context.register_event_time_timer(window.max_timestamp());
        TriggerResult::Continue
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &GlobalWindow,
        _: &mut TriggerContext<'_>,
    ) -> TriggerResult {
        if time == window.max_timestamp() { TriggerResult::FireAndPurge } else { TriggerResult::Continue }
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn clear(&mut self, window: &GlobalWindow, context: &mut TriggerContext<'_>) {
        context.delete_event_time_timer(window.max_timestamp());
    }
}
