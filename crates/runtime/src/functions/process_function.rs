use super::{OpenContext, ProcessContext};
use crate::{BoxError, Record};

/// A function that may emit any number of records for each one, also into side outputs, and knows of time. As Flink's
/// `ProcessFunction` on streams without keys.
///
/// ```
/// # use flott_runtime::{BoxError, OutputTag, functions::{ProcessContext, ProcessFunction}};
///
/// #[derive(Clone)]
/// struct Parse {
///     malformed: OutputTag<String>,
/// }
///
/// impl ProcessFunction<String> for Parse {
///     type Out = f64;
///
///     fn process(&mut self, line: String, ctx: &mut ProcessContext<'_, f64>) -> Result<(), BoxError> {
///         match line.parse() {
///             Ok(number) => ctx.emit(number),
///             Err(_) => ctx.output(&self.malformed, line),
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait ProcessFunction<T>: Clone + Send + Sync + 'static {
    /// What it emits.
    type Out: Record;

    /// Called once, before the first record.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Processes a record.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn process(&mut self, record: T, ctx: &mut ProcessContext<'_, Self::Out>) -> Result<(), BoxError>;

    /// Called once at the end of the input; as well as possible also if the task fails or is canceled, then its error is
    /// ignored.
    ///
    /// # Errors
    /// Whatever shall fail the job.
    fn close(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}
