use std::time::Duration;

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    super::{Window, offset::millis},
    Trigger, TriggerContext, TriggerResult,
};

/// Fires when another trigger does, or when the clock says that some time has passed since the first record.
#[derive(Clone, Copy, Debug)]
pub struct ProcessingTimeoutTrigger<G> {
    trigger: G,
    timeout: i64,
    resets_with_each_record: bool,
    keeps_state: bool,
}

/// What a [`ProcessingTimeoutTrigger`] remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TimeoutState<S> {
    timeout: Option<Timestamp>,
    inner: S,
}

impl<G> ProcessingTimeoutTrigger<G> {
    /// Fires `timeout` after the window's first record since it last fired, if `trigger` has not fired before.
    pub fn of(trigger: G, timeout: Duration) -> Self {
        Self { trigger, timeout: millis(timeout), resets_with_each_record: false, keeps_state: false }
    }

    /// Has the timeout begin again with each record.
    #[must_use]
    pub fn reset_with_each_record(self) -> Self {
        Self { resets_with_each_record: true, ..self }
    }

    /// Lets the other trigger keep what it remembers when the timeout fires; otherwise it begins anew.
    #[must_use]
    pub fn keep_state_on_timeout(self) -> Self {
        Self { keeps_state: true, ..self }
    }

    fn reset<T, W: Window>(&mut self, window: &W, context: &mut TriggerContext<'_, TimeoutState<G::State>>)
    where
        G: Trigger<T, W>,
    {
        if let Some(time) = context.state().timeout.take() {
            context.delete_processing_time_timer(time);
        }
        self.trigger.clear(window, &mut context.nested(|state| &mut state.inner));
        context.state().inner = G::State::default();
    }

    fn on_timer<T, W: Window>(
        &mut self,
        inner: TriggerResult,
        window: &W,
        context: &mut TriggerContext<'_, TimeoutState<G::State>>,
    ) -> TriggerResult
    where
        G: Trigger<T, W>,
    {
        if !self.keeps_state {
            self.reset(window, context);
        }
        if inner.is_purge() { TriggerResult::FireAndPurge } else { TriggerResult::Fire }
    }
}

impl<T, W: Window, G: Trigger<T, W>> Trigger<T, W> for ProcessingTimeoutTrigger<G> {
    type State = TimeoutState<G::State>;

    fn on_element(
        &mut self,
        record: &T,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        let nested = &mut context.nested(|state| &mut state.inner);
        let result = self.trigger.on_element(record, timestamp, window, nested);
        if result.is_fire() {
            self.reset(window, context);
            return result;
        }
        let at = Timestamp::from_millis(
            context.current_processing_time().as_millis().saturating_add(self.timeout),
        );
        if self.resets_with_each_record
            && let Some(time) = context.state().timeout.take()
        {
            context.delete_processing_time_timer(time);
        }
        if context.state().timeout.is_none() {
            context.state().timeout = Some(at);
            context.register_processing_time_timer(at);
        }
        result
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        let nested = &mut context.nested(|state| &mut state.inner);
        let result = self.trigger.on_event_time(time, window, nested);
        self.on_timer::<T, W>(result, window, context)
    }

    fn on_processing_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, Self::State>,
    ) -> TriggerResult {
        let nested = &mut context.nested(|state| &mut state.inner);
        let result = self.trigger.on_processing_time(time, window, nested);
        self.on_timer::<T, W>(result, window, context)
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_, Self::State>) {
        self.reset(window, context);
    }

    fn is_initial(&self, state: &Self::State) -> bool {
        state.timeout.is_none() && self.trigger.is_initial(&state.inner)
    }

    fn problem(&self) -> Option<String> {
        self.trigger.problem()
    }
}
