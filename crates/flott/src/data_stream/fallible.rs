//! Closures that may fail.

use std::marker::PhantomData;

use flott_runtime::{
    BoxError, Record,
    functions::{RichContext, RichFlatMapFunction, RichMapFunction},
    operators::Collector,
};

use super::DataStream;
use crate::SingleOutputStream;

/// A closure as a [`RichMapFunction`].
#[derive(Clone)]
struct TryMap<F>(F);

impl<T, U, F, K> RichMapFunction<T, K> for TryMap<F>
where
    U: Record,
    F: FnMut(T) -> Result<U, BoxError> + Clone + Send + Sync + 'static,
{
    type Out = U;

    fn map(&mut self, record: T, _: &mut RichContext<'_, K>) -> Result<U, BoxError> {
        (self.0)(record)
    }
}

/// A closure as a [`RichFlatMapFunction`].
struct TryFlatMap<F, U> {
    function: F,
    out: PhantomData<fn() -> U>,
}

impl<F: Clone, U> Clone for TryFlatMap<F, U> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), out: PhantomData }
    }
}

impl<T, U, F, K> RichFlatMapFunction<T, K> for TryFlatMap<F, U>
where
    U: Record,
    F: FnMut(T, &mut Collector<'_, U>) -> Result<(), BoxError> + Clone + Send + Sync + 'static,
{
    type Out = U;

    fn flat_map(
        &mut self,
        record: T,
        _: &mut RichContext<'_, K>,
        out: &mut Collector<'_, U>,
    ) -> Result<(), BoxError> {
        (self.function)(record, out)
    }
}

impl<T: Record> DataStream<T> {
    /// Turns each record into another one, which may fail: then the job fails with the error, and names the operator.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_text_file("/data/numbers").try_map(|line| Ok(line.trim().parse::<f64>()?));
    /// ```
    pub fn try_map<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(T) -> Result<U, BoxError> + Clone + Send + Sync + 'static,
    {
        self.rich_map(TryMap(function)).name("Map")
    }

    /// Turns each record into any number of others, which may fail: then the job fails with the error, and names the
    /// operator.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_text_file("/data/numbers").try_flat_map(|line, out| {
    ///     for number in line.split(',') {
    ///         out.emit(number.trim().parse::<f64>()?);
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn try_flat_map<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(T, &mut Collector<'_, U>) -> Result<(), BoxError> + Clone + Send + Sync + 'static,
    {
        self.rich_flat_map(TryFlatMap { function, out: PhantomData }).name("Flat Map")
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestHarness;

    #[test]
    fn an_error_fails_the_job_and_names_the_operator() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let numbers = harness.output(&lines.stream().try_map(|line| Ok(line.parse::<u64>()?)).name("Parse"));
        lines.push("7".to_owned());
        assert_eq!(numbers.records(), [7]);
        let cause = lines.try_push("seven".to_owned(), 0).unwrap_err();
        assert_eq!(cause.operator.as_deref(), Some("Parse"));
        assert!(cause.message.contains("invalid digit"), "{}", cause.message);
    }

    #[test]
    fn what_was_emitted_before_the_error_is_not_lost() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let parts = lines.stream().try_flat_map(|line, out| {
            line.split(',').try_for_each(|part| {
                out.emit(part.parse::<u64>()?);
                Ok(())
            })
        });
        let numbers = harness.output(&parts);
        lines.push("1,2".to_owned());
        assert_eq!(numbers.records(), [1, 2]);
        assert!(lines.try_push("3,x".to_owned(), 0).is_err());
    }
}
