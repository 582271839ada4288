use super::{NoKey, OpenContext, RichContext};
use crate::BoxError;

/// A function that says which records to keep, may fail, and is opened and closed. As Flink's `RichFilterFunction`.
///
/// `K` is the type of the keys, on a keyed stream; there it has state. One that works on all streams is implemented for
/// each `K`. This one keeps the first record of each key:
///
/// ```
/// # use flott_runtime::{BoxError, functions::{OpenContext, RichContext, RichFilterFunction}};
/// # use flott_state::{Key, ValueState};
///
/// #[derive(Clone, Default)]
/// struct First {
///     seen: ValueState<bool>,
/// }
///
/// impl<T, K: Key> RichFilterFunction<T, K> for First {
///     fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
///         self.seen = context.value("seen")?;
///         Ok(())
///     }
///
///     fn filter(&mut self, _: &T, ctx: &mut RichContext<'_, K>) -> Result<bool, BoxError> {
///         let seen = self.seen.get_or_default(ctx);
///         Ok(!std::mem::replace(seen, true))
///     }
/// }
/// ```
pub trait RichFilterFunction<T, K = NoKey>: Clone + Send + Sync + 'static {
    /// Called once, before the first record: registers state, if there are keys.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Whether a record is kept.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn filter(&mut self, record: &T, ctx: &mut RichContext<'_, K>) -> Result<bool, BoxError>;

    /// Called once at the end of the input; as well as possible also if the task fails or is canceled, then its error is
    /// ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
