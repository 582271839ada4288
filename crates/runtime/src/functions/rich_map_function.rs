use super::{NoKey, OpenContext, RichContext};
use crate::{BoxError, Record};

/// A function that turns each record into another one, may fail, and is opened and closed. As Flink's
/// `RichMapFunction`.
///
/// ```
/// # use flott_runtime::{BoxError, functions::{OpenContext, RichContext, RichMapFunction}};
///
/// #[derive(Clone, Default)]
/// struct Tagged {
///     tag: String,
/// }
///
/// impl RichMapFunction<u64> for Tagged {
///     type Out = String;
///
///     fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
///         let site = context.runtime().job_parameter("site").ok_or("the job parameter `site` is not set")?;
///         self.tag = format!("{site}-{}", context.runtime().subtask_index());
///         Ok(())
///     }
///
///     fn map(&mut self, value: u64, _: &mut RichContext<'_>) -> Result<String, BoxError> {
///         Ok(format!("{} {value}", self.tag))
///     }
/// }
/// ```
///
/// `K` is the type of the keys, on a keyed stream; there it has state. One that works on all streams is implemented for
/// each `K`.
///
/// ```
/// # use flott_runtime::{BoxError, functions::{OpenContext, RichContext, RichMapFunction}};
/// # use flott_state::ValueState;
///
/// /// How much a sensor's value differs from the one before.
/// #[derive(Clone, Default)]
/// struct Change {
///     last: ValueState<f64>,
/// }
///
/// impl RichMapFunction<(u32, f64), u32> for Change {
///     type Out = f64;
///
///     fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
///         self.last = context.value("last")?;
///         Ok(())
///     }
///
///     fn map(&mut self, (_, value): (u32, f64), ctx: &mut RichContext<'_, u32>) -> Result<f64, BoxError> {
///         let last = self.last.get_or_insert_with(ctx, || value);
///         Ok(value - std::mem::replace(last, value))
///     }
/// }
/// ```
pub trait RichMapFunction<T, K = NoKey>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called once, before the first record: registers state, if there are keys.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_, K>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Turns a record into another one.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn map(&mut self, record: T, ctx: &mut RichContext<'_, K>) -> Result<Self::Out, BoxError>;

    /// Called once at the end of the input; as well as possible also if the task fails or is canceled, then its error is
    /// ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
