//! Where the records of a stream end.

use std::fmt::Display;

use flott_connectors::{PrintSink, PrintTarget, TextFileSink};
use flott_runtime::{Record, Sink, operators::SinkOperator};

use super::DataStream;
use crate::{DataStreamSink, graph::Node};

impl<T: Record> DataStream<T> {
    /// Writes the records to a sink.
    ///
    /// ```
    /// # use flott::{connectors::TextFileSink, prelude::*};
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).sink_to(TextFileSink::new("/data/numbers"), "numbers").set_parallelism(1);
    /// ```
    pub fn sink_to<S: Sink<T>>(&self, sink: S, name: &str) -> DataStreamSink {
        let name = format!("Sink: {name}");
        let node = Node::operator::<T, ()>(&name, self.upstreams.clone(), move |context, _| {
            Ok(Box::new(SinkOperator::open(context, &sink)?))
        });
        DataStreamSink::add(&self.env, node)
    }

    /// Prints each record on a line of standard output: on a cluster, of the TaskManagers.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print();
    /// ```
    pub fn print(&self) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::default(), "Print to Std. Out")
    }

    /// Prints each record on a line of standard error.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print_to_err();
    /// ```
    pub fn print_to_err(&self) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::new(PrintTarget::Stderr, None), "Print to Std. Err")
    }

    /// Writes each record as a line of text into part files of this directory, one a subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).map(|n| format!("{n} {}", n * n)).write_text("/data/squares");
    /// ```
    pub fn write_text(&self, directory: impl Into<String>) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(TextFileSink::new(directory), "text file")
    }
}
