use flott_core::time::Timestamp;

use super::{super::Window, Trigger, TriggerContext, TriggerResult};

/// Fires when another trigger does, and then drops the contents.
#[derive(Clone, Copy, Debug)]
pub struct PurgingTrigger<G> {
    trigger: G,
}

impl<G> PurgingTrigger<G> {
    /// Makes `trigger` drop the contents each time it fires.
    pub const fn of(trigger: G) -> Self {
        Self { trigger }
    }
}

const fn purging(result: TriggerResult) -> TriggerResult {
    if result.is_fire() { TriggerResult::FireAndPurge } else { result }
}

impl<T, W: Window, G: Trigger<T, W>> Trigger<T, W> for PurgingTrigger<G> {
    type State = G::State;

    fn on_element(
        &mut self,
        record: &T,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, G::State>,
    ) -> TriggerResult {
        purging(self.trigger.on_element(record, timestamp, window, context))
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, G::State>,
    ) -> TriggerResult {
        purging(self.trigger.on_event_time(time, window, context))
    }

    fn on_processing_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, G::State>,
    ) -> TriggerResult {
        purging(self.trigger.on_processing_time(time, window, context))
    }

    fn can_merge(&self) -> bool {
        self.trigger.can_merge()
    }

    fn on_merge(&mut self, window: &W, merged: &mut [G::State], context: &mut TriggerContext<'_, G::State>) {
        self.trigger.on_merge(window, merged, context);
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_, G::State>) {
        self.trigger.clear(window, context);
    }

    fn is_initial(&self, state: &G::State) -> bool {
        self.trigger.is_initial(state)
    }

    fn problem(&self) -> Option<String> {
        self.trigger.problem()
    }
}
