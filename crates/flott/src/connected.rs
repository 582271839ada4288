//! Two streams that one operator reads.

mod keyed;

use flott_runtime::{
    Record, Result, RuntimeContext,
    functions::CoProcessFunction,
    input::TwoInputs,
    operators::{ByRef, ByValue, CoFlatMap, CoMap, CoProcess, Collector},
    output::Downstream,
};
use flott_state::Key;

pub use self::keyed::KeyedConnectedStreams;
use crate::{DataStream, KeyedStream, SingleOutputStream, graph::Node};

/// Two streams that keep their types and are read by one operator.
///
/// Which stream's record comes next is not defined, but each stream keeps its order. The operator's watermark is the
/// lesser of both streams'.
#[derive(Clone)]
pub struct ConnectedStreams<A, B> {
    left: DataStream<A>,
    right: DataStream<B>,
}

impl<A: Record> DataStream<A> {
    /// Has one operator read this stream and another one, of the same type or not.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// # let harness = TestHarness::new();
    /// # let (celsius, fahrenheit) = (harness.input::<f64>(), harness.input::<i32>());
    /// # let (inside, outside) = (celsius.stream(), fahrenheit.stream());
    /// let degrees = inside.connect(outside).map(|celsius| celsius, |fahrenheit| (f64::from(fahrenheit) - 32.0) / 1.8);
    /// # let degrees = harness.output(&degrees);
    /// # celsius.push(21.0);
    /// # fahrenheit.push(50);
    /// # assert_eq!(degrees.records(), [21.0, 10.0]);
    /// ```
    pub fn connect<B: Record>(&self, other: &DataStream<B>) -> ConnectedStreams<A, B> {
        ConnectedStreams { left: self.clone(), right: other.clone() }
    }
}

impl<A: Record, B: Record> ConnectedStreams<A, B> {
    /// Turns each record of the first stream into one that `left` makes, and each of the second into one that `right`
    /// makes. Each subtask works on a clone of the functions; what both have to know belongs into a
    /// [`process`](Self::process) function.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let numbers = env.from_sequence(1, 3);
    /// let words = env.from_collection(["one", "two"].map(str::to_owned));
    /// numbers.connect(&words).map(|number| number.to_string(), |word| word).print();
    /// ```
    pub fn map<U, F, G>(&self, left: F, right: G) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(A) -> U + Clone + Send + Sync + 'static,
        G: FnMut(B) -> U + Clone + Send + Sync + 'static,
    {
        two_inputs("Co-Map", &self.left, &self.right, move |context, next| {
            Ok(Box::new(CoMap::new(&context, left.clone(), right.clone(), next)))
        })
    }

    /// Turns each record into any number of others, which `left` for the first stream and `right` for the second hand to
    /// the collector.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let lines = env.from_collection(["to be", "or not"].map(str::to_owned));
    /// let words = env.from_collection(["to", "be"].map(str::to_owned));
    /// lines.connect(&words).flat_map(
    ///     |line: String, out| out.extend(line.split_whitespace().map(str::to_owned)),
    ///     |word, out| out.emit(word),
    /// );
    /// ```
    pub fn flat_map<U, F, G>(&self, left: F, right: G) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(A, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
        G: FnMut(B, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
    {
        two_inputs("Co-Flat Map", &self.left, &self.right, move |context, next| {
            Ok(Box::new(CoFlatMap::new(&context, left.clone(), right.clone(), next)))
        })
    }

    /// Calls a function that sees the records of both streams, and may emit any number of records, also into side outputs.
    ///
    /// This one lets pass what is above a limit that the other stream changes. With several subtasks each limit should
    /// reach all of them, hence the [`broadcast`](DataStream::broadcast).
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// #[derive(Clone, Default)]
    /// struct AboveLimit {
    ///     limit: u64,
    /// }
    ///
    /// impl CoProcessFunction<u64, u64> for AboveLimit {
    ///     type Out = u64;
    ///
    ///     fn process_left(&mut self, number: u64, ctx: &mut ProcessContext<'_, u64>) -> Result<(), BoxError> {
    ///         if number > self.limit {
    ///             ctx.emit(number);
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn process_right(&mut self, limit: u64, _: &mut ProcessContext<'_, u64>) -> Result<(), BoxError> {
    ///         self.limit = limit;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (numbers, limits) = (harness.input::<u64>(), harness.input::<u64>());
    /// let above = numbers.stream().connect(&limits.stream().broadcast()).process(AboveLimit::default());
    /// let above = harness.output(&above);
    /// numbers.push(3);
    /// limits.push(5);
    /// numbers.push(4);
    /// numbers.push(6);
    /// assert_eq!(above.records(), [3, 6]);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: CoProcessFunction<A, B>,
    {
        two_inputs("Co-Process", &self.left, &self.right, move |context, next| {
            Ok(Box::new(CoProcess::new(context, function.clone(), next)?))
        })
    }

    /// Groups the records of both streams by keys of the same type: those of a key go to the same subtask, and share
    /// state and timers.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let rides = env.from_collection([(7u32, "start".to_owned())]);
    /// let fares = env.from_collection([(7u32, 12.5)]);
    /// rides.connect(&fares).key_by(|(ride, _)| *ride, |(ride, _)| *ride);
    /// ```
    ///
    /// Keys of different types are refused:
    ///
    /// ```compile_fail
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let rides = env.from_collection([(7u32, "start".to_owned())]);
    /// let fares = env.from_collection([(7u64, 12.5)]);
    /// rides.connect(&fares).key_by(|(ride, _)| *ride, |(ride, _)| *ride);
    /// ```
    pub fn key_by<K, F, G>(
        &self,
        left: F,
        right: G,
    ) -> KeyedConnectedStreams<A, B, ByValue<F, K>, ByValue<G, K>>
    where
        K: Key,
        F: Fn(&A) -> K + Clone + Send + Sync + 'static,
        G: Fn(&B) -> K + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(&self.left, ByValue::new(left))
            .connect(&KeyedStream::new(&self.right, ByValue::new(right)))
    }

    /// As [`key_by`](Self::key_by), for keys that lie within the records.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let speeds = env.from_collection([("Toyota".to_owned(), 67u32)]);
    /// let owners = env.from_collection([("Toyota".to_owned(), "Ann".to_owned())]);
    /// speeds.connect(&owners).key_by_ref(|(car, _)| car, |(car, _)| car);
    /// ```
    pub fn key_by_ref<K, F, G>(
        &self,
        left: F,
        right: G,
    ) -> KeyedConnectedStreams<A, B, ByRef<F, K>, ByRef<G, K>>
    where
        K: Key,
        F: Fn(&A) -> &K + Clone + Send + Sync + 'static,
        G: Fn(&B) -> &K + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(&self.left, ByRef::new(left))
            .connect(&KeyedStream::new(&self.right, ByRef::new(right)))
    }
}

/// Adds an operator with two inputs, which each subtask makes with `build`.
pub(crate) fn two_inputs<A: Record, B: Record, U: Record>(
    name: &str,
    left: &DataStream<A>,
    right: &DataStream<B>,
    build: impl Fn(RuntimeContext, Downstream<U>) -> Result<Box<dyn TwoInputs<A, B>>> + Send + Sync + 'static,
) -> SingleOutputStream<U> {
    left.env.is_same_as(&right.env, &format!("\"{name}\""));
    let node = Node::two_inputs(name, left.upstreams.clone(), right.upstreams.clone(), build);
    SingleOutputStream::add(&left.env, node)
}
