use flott_core::time::Timestamp;
use flott_exchange::Record;

use super::{super::Window, Trigger, TriggerContext, TriggerResult};

/// Fires with a record that differs enough from the one that it last fired with, which at first is the window's first.
#[derive(Clone, Copy, Debug)]
pub struct DeltaTrigger<F> {
    threshold: f64,
    delta: F,
}

impl<F> DeltaTrigger<F> {
    /// Fires when `delta(old, new)` is greater than `threshold`.
    pub fn of<T>(threshold: f64, delta: F) -> Self
    where
        F: Fn(&T, &T) -> f64 + Clone + Send + Sync + 'static,
    {
        Self { threshold, delta }
    }
}

impl<T: Record, W: Window, F> Trigger<T, W> for DeltaTrigger<F>
where
    F: Fn(&T, &T) -> f64 + Clone + Send + Sync + 'static,
{
    /// The record that it last fired with.
    type State = Option<T>;

    fn on_element(
        &mut self,
        record: &T,
        _: Timestamp,
        _: &W,
        context: &mut TriggerContext<'_, Option<T>>,
    ) -> TriggerResult {
        let last = context.state();
        let fires = last.as_ref().is_some_and(|last| (self.delta)(last, record) > self.threshold);
        if fires || last.is_none() {
            *last = Some(record.clone());
        }
        if fires { TriggerResult::Fire } else { TriggerResult::Continue }
    }

    fn clear(&mut self, _: &W, _: &mut TriggerContext<'_, Option<T>>) {}

    fn is_initial(&self, state: &Option<T>) -> bool {
        state.is_none()
    }

    fn problem(&self) -> Option<String> {
        self.threshold.is_nan().then(|| {
            "the threshold of DeltaTrigger must be a number: it is NaN, which nothing is greater than"
                .to_owned()
        })
    }
}
