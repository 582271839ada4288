//! Functions that are opened and closed, and may fail.

use flott_runtime::{
    Record,
    functions::{RichFilterFunction, RichFlatMapFunction, RichMapFunction},
    operators::{AsProcess, RichFilter, RichFlatMap, RichMap},
};

use super::DataStream;
use crate::SingleOutputStream;

impl<T: Record> DataStream<T> {
    /// Turns each record into another one, by a function that is opened and closed and may fail.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
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
    ///
    /// env.set_job_parameter("site", "north");
    /// env.from_sequence(1, 10).rich_map(Tagged::default()).print();
    /// ```
    pub fn rich_map<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: RichMapFunction<T>,
    {
        self.processed("Map", AsProcess(RichMap(function)))
    }

    /// Turns each record into any number of others, by a function that is opened and closed and may fail.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// /// Reads lines such as `3 4 5`.
    /// #[derive(Clone)]
    /// struct Numbers;
    ///
    /// impl RichFlatMapFunction<String> for Numbers {
    ///     type Out = i64;
    ///
    ///     fn flat_map(
    ///         &mut self,
    ///         line: String,
    ///         _: &mut RichContext<'_>,
    ///         out: &mut Collector<'_, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         for word in line.split_whitespace() {
    ///             out.emit(word.parse().map_err(|error| format!("`{word}` is no number: {error}"))?);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// env.read_text_file("/data/numbers").rich_flat_map(Numbers).print();
    /// ```
    pub fn rich_flat_map<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: RichFlatMapFunction<T>,
    {
        self.processed("Flat Map", AsProcess(RichFlatMap(function)))
    }

    /// Keeps the records of which a function says so that is opened and closed and may fail.
    ///
    /// ```
    /// # use std::collections::HashSet;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// /// Drops the words that a file lists.
    /// #[derive(Clone, Default)]
    /// struct NoStopWords {
    ///     words: HashSet<String>,
    /// }
    ///
    /// impl RichFilterFunction<String> for NoStopWords {
    ///     fn open(&mut self, _: &mut OpenContext<'_>) -> Result<(), BoxError> {
    ///         self.words = std::fs::read_to_string("/data/stop-words")?.lines().map(str::to_owned).collect();
    ///         Ok(())
    ///     }
    ///
    ///     fn filter(&mut self, word: &String, _: &mut RichContext<'_>) -> Result<bool, BoxError> {
    ///         Ok(!self.words.contains(word))
    ///     }
    /// }
    ///
    /// env.read_text_file("/data/words").rich_filter(NoStopWords::default()).print();
    /// ```
    pub fn rich_filter<F>(&self, function: F) -> SingleOutputStream<T>
    where
        F: RichFilterFunction<T>,
    {
        self.processed("Filter", AsProcess(RichFilter(function)))
    }
}
