//! Shortcuts for the sources and sinks that come with Flott.

use std::fmt::{Debug, Display};

use flott_connectors::{
    CsvFormat, FileFormat, FileSink, FileSource, GeneratorSource, JsonFormat, PrintSink, PrintTarget,
    SocketSink, SocketTextSource,
};
use flott_runtime::{Record, watermark::WatermarkStrategy};

use crate::{DataStream, DataStreamSink, SingleOutputStream, StreamExecutionEnvironment};

impl StreamExecutionEnvironment {
    /// The lines that come from a TCP socket, for as long as the server keeps the connection open; Flink's
    /// `socketTextStream`. To try it: `nc -lk 9000`.
    ///
    /// For retries or another delimiter give a [`SocketTextSource`] to [`from_source`](Self::from_source), with
    /// parallelism 1.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.socket_text_stream("localhost", 9000).filter(|line| !line.is_empty()).print();
    /// ```
    pub fn socket_text_stream(&self, host: impl Into<String>, port: u16) -> SingleOutputStream<String> {
        let source = SocketTextSource::new(host, port);
        self.from_source(source, WatermarkStrategy::no_watermarks(), "socket").set_parallelism(1)
    }

    /// The records of files of a format: of one file, of all files of a directory, or of those that a glob pattern
    /// matches. To go on reading files that appear see [`FileSource::monitor`].
    ///
    /// ```
    /// # use flott::{connectors::{BytesFormat, CsvFormat, OnMalformed}, prelude::*};
    /// # let env = StreamExecutionEnvironment::new();
    /// // Latin-1: a byte is a character.
    /// let latin1 = |line: Vec<u8>| line.into_iter().map(char::from).collect::<String>();
    /// env.read_files("/data/latin1/*.txt", BytesFormat).map(latin1).print();
    ///
    /// let semicolons = CsvFormat::<(String, f64)>::new().delimiter(b';').no_header().on_malformed(OnMalformed::Skip);
    /// env.read_files("/data/rows", semicolons).filter(|(_, value)| *value > 0.0).print_debug();
    /// ```
    pub fn read_files<F: FileFormat>(
        &self,
        path: impl Into<String>,
        format: F,
    ) -> SingleOutputStream<F::Record> {
        let source = FileSource::for_format(path, format);
        self.from_source(source, WatermarkStrategy::no_watermarks(), "files")
    }

    /// The records of CSV files whose first line names the fields. For other forms see [`CsvFormat`] and
    /// [`read_files`](Self::read_files).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct Country {
    ///     name: String,
    ///     year: u16,
    ///     life_expectancy: Option<f64>,
    /// }
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_csv::<Country>("/data/countries.csv").filter(|country| country.year >= 1950);
    /// ```
    pub fn read_csv<T: Record>(&self, path: impl Into<String>) -> SingleOutputStream<T> {
        self.read_files(path, CsvFormat::<T>::new()).name("Source: CSV files")
    }

    /// The JSON values of files that have one on each line.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct Click {
    ///     user: String,
    ///     at: i64,
    /// }
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_json::<Click>("/data/clicks").key_by(|click| click.user.clone()).count();
    /// ```
    pub fn read_json<T: Record>(&self, path: impl Into<String>) -> SingleOutputStream<T> {
        self.read_files(path, JsonFormat::<T>::new()).name("Source: JSON files")
    }

    /// Like [`generate`](Self::generate), but emits so many records a second, all subtasks together.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// // Ten readings a second, for ever.
    /// env.generate_at_rate(None, 10.0, |index| (format!("sensor-{}", index % 3), index * 7919 % 451));
    /// ```
    pub fn generate_at_rate<T, F>(
        &self,
        count: Option<u64>,
        records_per_second: f64,
        function: F,
    ) -> SingleOutputStream<T>
    where
        T: Record,
        F: Fn(u64) -> T + Send + Sync + 'static,
    {
        let source = GeneratorSource::new(count, function).rate(records_per_second);
        self.from_source(source, WatermarkStrategy::no_watermarks(), "generator")
    }
}

impl<T: Record> DataStream<T> {
    /// Prints each record on a line of standard output that begins with `label` and, if there are several, the number of
    /// the subtask: `label:2> `. Flink's `print(sinkIdentifier)`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print_labeled("numbers");
    /// ```
    pub fn print_labeled(&self, label: impl Into<String>) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::new(PrintTarget::Stdout, Some(label.into())), "Print to Std. Out")
    }

    /// Like [`print_labeled`](Self::print_labeled), on standard error.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print_labeled_to_err("numbers");
    /// ```
    pub fn print_labeled_to_err(&self, label: impl Into<String>) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::new(PrintTarget::Stderr, Some(label.into())), "Print to Std. Err")
    }

    /// Prints what each record looks like to programmers (`{:?}`) on a line of standard output.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).map(|n| (n, n.is_power_of_two())).print_debug();
    /// ```
    pub fn print_debug(&self) -> DataStreamSink
    where
        T: Debug,
    {
        self.sink_to(PrintSink::default().debug(), "Print to Std. Out")
    }

    /// Like [`print_debug`](Self::print_debug), on standard error.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).map(|n| (n, n.is_power_of_two())).print_debug_to_err();
    /// ```
    pub fn print_debug_to_err(&self) -> DataStreamSink
    where
        T: Debug,
    {
        self.sink_to(PrintSink::new(PrintTarget::Stderr, None).debug(), "Print to Std. Err")
    }

    /// Writes records as CSV into part files of this directory, which begin with a header if records are structs. For
    /// other forms, buckets or a rolling policy see [`FileSink`].
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).map(|n| (n, n * n)).write_csv("/data/squares");
    /// ```
    pub fn write_csv(&self, directory: impl Into<String>) -> DataStreamSink {
        let sink = FileSink::for_row_format(directory, CsvFormat::<T>::new());
        self.sink_to(sink.part_suffix(".csv").append(false), "CSV files")
    }

    /// Writes records as JSON into part files of this directory, one value a line.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).map(|n| (n, n * n)).write_json("/data/squares");
    /// ```
    pub fn write_json(&self, directory: impl Into<String>) -> DataStreamSink {
        let sink = FileSink::for_row_format(directory, JsonFormat::<T>::new());
        self.sink_to(sink.part_suffix(".json").append(false), "JSON files")
    }

    /// Writes each record as a line of text to a TCP socket, over one connection; Flink's `writeToSocket`. For retries or
    /// other forms give a [`SocketSink`] to [`sink_to`](Self::sink_to).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).write_to_socket("localhost", 9001);
    /// ```
    pub fn write_to_socket(&self, host: impl Into<String>, port: u16) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(SocketSink::new(host, port), "socket").set_parallelism(1)
    }
}

/// The examples of the guide run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/connectors.md")]
struct ConnectorsGuide;
