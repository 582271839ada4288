use std::{fmt::Display, ops::Deref};

use flott_connectors::{PrintSink, PrintTarget, TextFileSink};
use flott_core::{FailureKind, Partitioner};
use flott_runtime::{
    Record, Sink, TaskEnd,
    operators::{ByRef, ByValue, Collector, Filter, FlatMap, Map, SinkOperator},
    output::BoxOutput,
};
use flott_state::Key;

use crate::{
    KeyedStream, StreamExecutionEnvironment,
    graph::{Node, NodeId, Upstream},
};

/// Records on their way from one operator to the next.
///
/// Functions are called on all subtasks at once, so each subtask works on a clone of them. They may change what they
/// have captured (`FnMut`); such a change is seen by that subtask only and is gone when it ends.
#[derive(Clone)]
pub struct DataStream<T> {
    pub(crate) env: StreamExecutionEnvironment,
    /// Several after a union.
    pub(crate) upstreams: Vec<Upstream>,
    record: std::marker::PhantomData<fn() -> T>,
}

/// The stream of one operator, whose settings can still be changed.
pub struct SingleOutputStream<T> {
    stream: DataStream<T>,
    node: NodeId,
}

impl<T> Deref for SingleOutputStream<T> {
    type Target = DataStream<T>;

    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

/// A sink, whose settings can still be changed.
pub struct DataStreamSink {
    env: StreamExecutionEnvironment,
    node: NodeId,
}

/// The settings that each operator has.
macro_rules! operator_settings {
    () => {
        fn set(self, change: impl FnOnce(&mut Node)) -> Self {
            change(&mut self.graph().borrow_mut().nodes[self.node.0]);
            self
        }

        /// Names the operator, for plans and the dashboard.
        pub fn name(self, name: impl Into<String>) -> Self {
            self.set(|node| node.name = name.into())
        }

        /// Gives the operator an identity that outlives changes of the program.
        pub fn uid(self, uid: impl Into<String>) -> Self {
            self.set(|node| node.uid = Some(uid.into()))
        }

        /// Sets the operator's parallelism.
        pub fn set_parallelism(self, parallelism: u32) -> Self {
            self.set(|node| node.parallelism = Some(parallelism))
        }

        /// Sets the operator's max parallelism: the number of its key groups.
        pub fn set_max_parallelism(self, max_parallelism: u32) -> Self {
            self.set(|node| node.max_parallelism = Some(max_parallelism))
        }

        /// Keeps the operator from being chained to the one before it.
        pub fn start_new_chain(self) -> Self {
            self.set(|node| node.chainable = false)
        }

        /// Puts the operator, and those behind it that set none, into a slot sharing group.
        pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
            self.set(|node| node.slot_sharing_group = Some(group.into()))
        }
    };
}

impl<T: Record> SingleOutputStream<T> {
    pub(crate) fn add(env: &StreamExecutionEnvironment, node: Node) -> Self {
        let node = env.graph.borrow_mut().add(node);
        let stream = DataStream {
            env: env.clone(),
            upstreams: vec![Upstream::of::<T>(node)],
            record: std::marker::PhantomData,
        };
        Self { stream, node }
    }

    fn graph(&self) -> &std::cell::RefCell<crate::graph::StreamGraph> {
        &self.stream.env.graph
    }

    operator_settings!();
}

impl DataStreamSink {
    fn graph(&self) -> &std::cell::RefCell<crate::graph::StreamGraph> {
        &self.env.graph
    }

    operator_settings!();
}

impl<T: Record> DataStream<T> {
    pub(crate) fn operator<U: Record>(
        &self,
        name: &str,
        build: impl Fn(&flott_runtime::OperatorContext, BoxOutput<U>) -> flott_runtime::Result<BoxOutput<T>>
        + Send
        + Sync
        + 'static,
    ) -> SingleOutputStream<U> {
        let node = Node::operator::<T, U>(name, self.upstreams.clone(), move |builder, position, next| {
            build(&builder.operator(position), next)
        });
        SingleOutputStream::add(&self.env, node)
    }

    /// Turns each record into another one.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let mut seen = 0u64; // of each subtask
    /// env.from_sequence(1, 10).map(move |n| {
    ///     seen += 1;
    ///     (n, seen)
    /// });
    /// ```
    pub fn map<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(T) -> U + Clone + Send + Sync + 'static,
    {
        self.operator("Map", move |context, next| Ok(Box::new(Map::new(context, function.clone(), next))))
    }

    /// Turns each record into any number of others, which `function` hands to the collector. If the task ends meanwhile
    /// because it was canceled, or a later operator fails, the function does not return: its stack unwinds as in a panic.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_text_file("/data/books")
    ///     .flat_map(|line: String, out| out.extend(line.split_whitespace().map(str::to_owned)));
    /// ```
    pub fn flat_map<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(T, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
    {
        self.operator("Flat Map", move |context, next| {
            Ok(Box::new(FlatMap::new(context, function.clone(), next)))
        })
    }

    /// Keeps the records for which `predicate` holds.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).filter(|n| n % 2 == 0);
    /// ```
    pub fn filter<F>(&self, predicate: F) -> SingleOutputStream<T>
    where
        F: FnMut(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.operator("Filter", move |context, next| {
            Ok(Box::new(Filter::new(context, predicate.clone(), next)))
        })
    }

    /// Groups records by a key that `function` computes, the same one for the same record each time.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).key_by(|n| n % 10).count().map(|(key, count)| format!("{key} {count}")).print();
    /// ```
    pub fn key_by<K, F>(&self, function: F) -> KeyedStream<T, ByValue<F, K>>
    where
        K: Key,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(self, ByValue::new(function))
    }

    /// Groups records by a key that lies within them; a key that is costly to clone is better not computed.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let words = env.from_collection(["to", "be", "to"].map(|word| (word.to_owned(), 1u64)));
    /// words.key_by_ref(|(word, _)| word).sum(|(_, count)| count).map(|(word, count)| format!("{word} {count}")).print();
    /// ```
    pub fn key_by_ref<K, F>(&self, function: F) -> KeyedStream<T, ByRef<F, K>>
    where
        K: Key,
        F: Fn(&T) -> &K + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(self, ByRef::new(function))
    }

    /// The records of both streams. A stream joined with itself gives each record twice.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let small = env.from_sequence(1, 10);
    /// let large = env.from_sequence(1_000, 1_010);
    /// small.union(&large).print();
    /// ```
    #[must_use]
    pub fn union(&self, other: &DataStream<T>) -> DataStream<T> {
        let upstreams = self.upstreams.iter().chain(&other.upstreams).cloned().collect();
        self.with_upstreams(upstreams)
    }

    /// The same records, from elsewhere or spread in another way.
    pub(crate) fn with_upstreams(&self, upstreams: Vec<Upstream>) -> DataStream<T> {
        DataStream { upstreams, ..self.clone() }
    }

    fn partitioned(&self, partitioner: Partitioner) -> DataStream<T> {
        self.with_upstreams(
            self.upstreams.iter().map(|upstream| upstream.partitioned::<T>(partitioner)).collect(),
        )
    }

    /// Sends one record to each subtask of the next operator in turn.
    #[must_use]
    pub fn rebalance(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Rebalance)
    }

    /// Sends each record to all subtasks of the next operator.
    #[must_use]
    pub fn broadcast(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Broadcast)
    }

    /// Sends to the subtask of the same number. `execute` refuses it if the next operator has another parallelism.
    #[must_use]
    pub fn forward(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Forward)
    }

    /// Writes the records to a sink.
    ///
    /// ```
    /// # use flott::{connectors::TextFileSink, prelude::*};
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).sink_to(TextFileSink::new("/data/numbers"), "numbers").set_parallelism(1);
    /// ```
    pub fn sink_to<S: Sink<T>>(&self, sink: S, name: &str) -> DataStreamSink {
        let name = format!("Sink: {name}");
        let node = Node::operator::<T, ()>(&name, self.upstreams.clone(), move |builder, position, _| {
            let context = builder.operator(position);
            let writer = sink.writer(&context).map_err(|error| {
                match TaskEnd::from_user(FailureKind::External, error.as_ref()) {
                    TaskEnd::Failed(cause) => cause.in_operator(&*context.name).into(),
                    end @ TaskEnd::Canceled => end,
                }
            })?;
            Ok(Box::new(SinkOperator::new(context, writer)))
        });
        let node = self.env.graph.borrow_mut().add(node);
        DataStreamSink { env: self.env.clone(), node }
    }

    /// Prints each record on a line of standard output: on a cluster, of the TaskManagers.
    pub fn print(&self) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::default(), "Print to Std. Out")
    }

    /// Prints each record on a line of standard error.
    pub fn print_to_err(&self) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(PrintSink::new(PrintTarget::Stderr, None), "Print to Std. Err")
    }

    /// Writes each record as a line of text into part files of this directory, one a subtask.
    pub fn write_text(&self, directory: impl Into<String>) -> DataStreamSink
    where
        T: Display,
    {
        self.sink_to(TextFileSink::new(directory), "text file")
    }
}
