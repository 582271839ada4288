mod fallible;
mod operator;
mod partitioning;
mod process;
mod rich;
mod sinks;
mod time;

use flott_runtime::{
    Record, Result, RuntimeContext,
    operators::{ByRef, ByValue, Collector, Filter, FlatMap, Map},
    output::{BoxOutput, Downstream},
};
use flott_state::Key;

pub use self::operator::{DataStreamSink, SingleOutputStream};
use crate::{
    KeyedStream, StreamExecutionEnvironment,
    graph::{Node, Upstream},
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

impl<T: Record> DataStream<T> {
    pub(crate) fn new(env: &StreamExecutionEnvironment, upstream: Upstream) -> Self {
        Self { env: env.clone(), upstreams: vec![upstream], record: std::marker::PhantomData }
    }

    /// The same records, from elsewhere or spread in another way.
    pub(crate) fn with_upstreams(&self, upstreams: Vec<Upstream>) -> DataStream<T> {
        DataStream { upstreams, ..self.clone() }
    }

    /// Adds an operator that each subtask makes with `build`.
    pub(crate) fn operator<U: Record>(
        &self,
        name: &str,
        build: impl Fn(RuntimeContext, BoxOutput<U>) -> Result<BoxOutput<T>> + Send + Sync + 'static,
    ) -> SingleOutputStream<U> {
        SingleOutputStream::add(&self.env, Node::operator(name, self.upstreams.clone(), build))
    }

    /// As [`operator`](Self::operator), with side outputs.
    pub(crate) fn operator_with_sides<U: Record>(
        &self,
        name: &str,
        build: impl Fn(RuntimeContext, Downstream<U>) -> Result<BoxOutput<T>> + Send + Sync + 'static,
    ) -> SingleOutputStream<U> {
        SingleOutputStream::add(&self.env, Node::with_sides(name, self.upstreams.clone(), build))
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
        self.operator("Map", move |context, next| Ok(Box::new(Map::new(&context, function.clone(), next))))
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
            Ok(Box::new(FlatMap::new(&context, function.clone(), next)))
        })
    }

    /// Turns each record into another one or none.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.read_text_file("/data/numbers").filter_map(|line| line.trim().parse::<f64>().ok());
    /// ```
    pub fn filter_map<U, F>(&self, mut function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(T) -> Option<U> + Clone + Send + Sync + 'static,
    {
        self.flat_map(move |record, out: &mut Collector<'_, U>| out.extend(function(record)))
            .name("Filter Map")
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
            Ok(Box::new(Filter::new(&context, predicate.clone(), next)))
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
        if !self.env.is_same_as(&other.env, "a union") {
            return self.clone();
        }
        let upstreams = self.upstreams.iter().chain(&other.upstreams).cloned().collect();
        self.with_upstreams(upstreams)
    }
}
