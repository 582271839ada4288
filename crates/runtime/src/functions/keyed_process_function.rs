use flott_core::time::Timestamp;
use flott_state::Key;

use super::{KeyedContext, OnTimerContext, OpenContext};
use crate::{BoxError, Record};

/// A function with state and timers for each key. As Flink's `KeyedProcessFunction`.
///
/// This one emits how many records a key had, as soon as nothing came for it for a minute:
///
/// ```
/// use std::time::Duration;
/// # use flott_runtime::{BoxError, Timestamp, functions::{KeyedContext, KeyedProcessFunction, OnTimerContext, OpenContext}};
/// # use flott_state::ValueState;
///
/// #[derive(Clone, Default)]
/// struct CountUntilQuiet {
///     count: ValueState<u64>,
///     quiet_at: ValueState<Timestamp>,
/// }
///
/// impl<T> KeyedProcessFunction<String, T> for CountUntilQuiet {
///     type Out = (String, u64);
///
///     fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
///         self.count = context.value("count")?;
///         self.quiet_at = context.value("quiet-at")?;
///         Ok(())
///     }
///
///     fn process(&mut self, _: T, ctx: &mut KeyedContext<'_, String, Self::Out>) -> Result<(), BoxError> {
///         *self.count.get_or_default(ctx) += 1;
///         let quiet_at = ctx.timestamp().ok_or("records need timestamps")? + Duration::from_secs(60);
///         if let Some(before) = self.quiet_at.get(ctx).copied() {
///             ctx.delete_event_time_timer(before);
///         }
///         ctx.register_event_time_timer(quiet_at);
///         self.quiet_at.set(ctx, quiet_at);
///         Ok(())
///     }
///
///     fn on_timer(
///         &mut self,
///         _: Timestamp,
///         ctx: &mut OnTimerContext<'_, String, Self::Out>,
///     ) -> Result<(), BoxError> {
///         self.quiet_at.clear(ctx);
///         if let Some(count) = self.count.take(ctx) {
///             ctx.emit((ctx.key().clone(), count));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait KeyedProcessFunction<K: Key, T>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called once, before the first record: registers state.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Processes a record.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn process(&mut self, record: T, ctx: &mut KeyedContext<'_, K, Self::Out>) -> Result<(), BoxError>;

    /// Called when a timer fires that was registered for the key of `ctx`, with the time for which it was.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn on_timer(
        &mut self,
        timestamp: Timestamp,
        ctx: &mut OnTimerContext<'_, K, Self::Out>,
    ) -> Result<(), BoxError> {
        let _ = (timestamp, ctx);
        Ok(())
    }

    /// Called once at the end of the input; as well as possible also if the task fails or is canceled, then its error is
    /// ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
