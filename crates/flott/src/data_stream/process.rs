//! Functions that emit by themselves.

use flott_runtime::{Record, functions::ProcessFunction, operators::Process};

use super::DataStream;
use crate::SingleOutputStream;

impl<T: Record> DataStream<T> {
    /// Calls a function that may emit any number of records for each one, also into side outputs, and knows of time.
    ///
    /// This one splits a stream by what its records are:
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// #[derive(Clone)]
    /// struct Split {
    ///     negative: OutputTag<i64>,
    ///     malformed: OutputTag<String>,
    /// }
    ///
    /// impl ProcessFunction<String> for Split {
    ///     type Out = i64;
    ///
    ///     fn process(&mut self, line: String, ctx: &mut ProcessContext<'_, i64>) -> Result<(), BoxError> {
    ///         match line.parse() {
    ///             Ok(number) if number < 0 => ctx.output(&self.negative, number),
    ///             Ok(number) => ctx.emit(number),
    ///             Err(_) => ctx.output(&self.malformed, line),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (negative, malformed) = (OutputTag::new("negative"), OutputTag::new("malformed"));
    /// let lines = env.from_collection(["7", "-3", "x"].map(str::to_owned));
    /// let numbers = lines.process(Split { negative: negative.clone(), malformed: malformed.clone() });
    /// numbers.print();
    /// numbers.side_output(&negative).map(|number| -number).print();
    /// numbers.side_output(&malformed).print_to_err();
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: ProcessFunction<T>,
    {
        self.processed("Process", function)
    }

    pub(super) fn processed<F>(&self, name: &str, function: F) -> SingleOutputStream<F::Out>
    where
        F: ProcessFunction<T>,
    {
        self.operator_with_sides(name, move |context, next| {
            Ok(Box::new(Process::new(context, function.clone(), next)?))
        })
    }
}
