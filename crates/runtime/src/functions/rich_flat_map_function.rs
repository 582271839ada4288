use super::{NoKey, OpenContext, RichContext};
use crate::{BoxError, Record, operators::Collector};

/// A function that turns each record into any number of others, may fail, and is opened and closed. As Flink's
/// `RichFlatMapFunction`.
///
/// `K` is the type of the keys, on a keyed stream; there it has state. One that works on all streams is implemented for
/// each `K`. This one emits the average of each two values of a key:
///
/// ```
/// # use flott_runtime::{BoxError, functions::{OpenContext, RichContext, RichFlatMapFunction}, operators::Collector};
/// # use flott_state::ValueState;
///
/// #[derive(Clone, Default)]
/// struct CountAverage {
///     sum: ValueState<(u64, f64)>,
/// }
///
/// impl RichFlatMapFunction<(u32, f64), u32> for CountAverage {
///     type Out = (u32, f64);
///
///     fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
///         self.sum = context.value("sum")?;
///         Ok(())
///     }
///
///     fn flat_map(
///         &mut self,
///         (key, value): (u32, f64),
///         ctx: &mut RichContext<'_, u32>,
///         out: &mut Collector<'_, (u32, f64)>,
///     ) -> Result<(), BoxError> {
///         let (count, sum) = self.sum.get_or_default(ctx);
///         *count += 1;
///         *sum += value;
///         if *count == 2 {
///             out.emit((key, *sum / 2.0));
///             self.sum.clear(ctx);
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait RichFlatMapFunction<T, K = NoKey>: Clone + Send + Sync + 'static {
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

    /// Emits into `out` what a record becomes.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn flat_map(
        &mut self,
        record: T,
        ctx: &mut RichContext<'_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<(), BoxError>;

    /// Called once at the end of the input; as well as possible also if the task fails or is canceled, then its error is
    /// ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
