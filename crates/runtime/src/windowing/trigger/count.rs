use flott_core::time::Timestamp;

use super::{super::Window, Trigger, TriggerContext, TriggerResult};

/// Fires whenever so many further records are in the window. The contents stay: see
/// [`PurgingTrigger`](super::PurgingTrigger).
#[derive(Clone, Copy, Debug)]
pub struct CountTrigger {
    count: u64,
}

impl CountTrigger {
    /// Fires with each `count`-th record.
    pub const fn of(count: u64) -> Self {
        Self { count }
    }
}

impl<T, W: Window> Trigger<T, W> for CountTrigger {
    /// Records since it last fired.
    type State = u64;

    fn on_element(
        &mut self,
        _: &T,
        _: Timestamp,
        _: &W,
        context: &mut TriggerContext<'_, u64>,
    ) -> TriggerResult {
        let count = context.state();
        *count += 1;
        if *count < self.count {
            return TriggerResult::Continue;
        }
        *count = 0;
        TriggerResult::Fire
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: &W, merged: &mut [u64], context: &mut TriggerContext<'_, u64>) {
        *context.state() += merged.iter().sum::<u64>();
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, u64>) {}

    fn is_initial(&self, state: &u64) -> bool {
        *state == 0
    }

    fn problem(&self) -> Option<String> {
        (self.count == 0).then(|| "the count of CountTrigger must be at least 1: it is 0".to_owned())
    }
}
