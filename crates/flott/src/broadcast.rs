//! The broadcast state pattern.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use flott_runtime::{
    Record,
    functions::{BroadcastProcessFunction, KeyedBroadcastProcessFunction},
    operators::{BroadcastProcess, KeySelector, KeyedBroadcastProcess, left_in_time_order},
};

use crate::{DataStream, KeyedStream, SingleOutputStream, connected::two_inputs};

/// A stream whose records reach every subtask, which keeps what they say in broadcast state.
#[derive(Clone)]
pub struct BroadcastStream<B> {
    stream: DataStream<B>,
    states: Arc<[Arc<str>]>,
}

/// A stream and a [`BroadcastStream`], read by one operator.
///
/// In batch mode the records of the broadcast stream all come before those of the other one, which wait in memory. In
/// streaming mode there is no such promise: which stream's record comes next is not defined, so what comes before the
/// first broadcast record finds an empty state. If that matters, keep such records in keyed state until then.
#[derive(Clone)]
pub struct BroadcastConnectedStream<A, B> {
    stream: DataStream<A>,
    broadcast: BroadcastStream<B>,
}

/// A keyed stream and a [`BroadcastStream`], read by one operator. Which stream's record comes next is as in
/// [`BroadcastConnectedStream`].
#[derive(Clone)]
pub struct KeyedBroadcastConnectedStream<A: Record, B, S: KeySelector<A>> {
    stream: KeyedStream<A, S>,
    broadcast: BroadcastStream<B>,
}

impl<B: Record> DataStream<B> {
    /// Sends each record to all subtasks of the operator that reads it together with another stream, for what they keep in
    /// broadcast state of these names. The function gets the states by their names when it opens; their types are those
    /// of its handles. Flink's `broadcast` with descriptors.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let limits = env.from_collection([("Toyota".to_owned(), 65u32)]);
    /// limits.broadcast_state(["limits"]);
    /// ```
    pub fn broadcast_state<N: Into<Arc<str>>>(
        &self,
        states: impl IntoIterator<Item = N>,
    ) -> BroadcastStream<B> {
        BroadcastStream { stream: self.broadcast(), states: states.into_iter().map(Into::into).collect() }
    }

    /// Has one operator read this stream and a broadcast one. Flink's `connect` with a `BroadcastStream`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let cars = env.from_collection([("Toyota".to_owned(), 67u32)]);
    /// let limits = env.from_collection([("Toyota".to_owned(), 65u32)]);
    /// cars.connect_broadcast(&limits.broadcast_state(["limits"]));
    /// ```
    pub fn connect_broadcast<C: Record>(
        &self,
        broadcast: &BroadcastStream<C>,
    ) -> BroadcastConnectedStream<B, C> {
        BroadcastConnectedStream { stream: self.clone(), broadcast: broadcast.clone() }
    }
}

impl<A: Record, S: KeySelector<A>> KeyedStream<A, S> {
    /// Has one operator with keyed state and timers read this stream and a broadcast one.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let cars = env.from_collection([("Toyota".to_owned(), 67u32)]).key_by_ref(|(name, _)| name);
    /// let limits = env.from_collection([("Toyota".to_owned(), 65u32)]);
    /// cars.connect_broadcast(&limits.broadcast_state(["limits"]));
    /// ```
    pub fn connect_broadcast<B: Record>(
        &self,
        broadcast: &BroadcastStream<B>,
    ) -> KeyedBroadcastConnectedStream<A, B, S> {
        KeyedBroadcastConnectedStream { stream: self.clone(), broadcast: broadcast.clone() }
    }
}

impl<A: Record, B: Record> BroadcastConnectedStream<A, B> {
    /// Calls a function that reads the broadcast state for each record of the first stream, and changes it for each
    /// broadcast record.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// /// Name and speed, or speed limit.
    /// type Car = (String, u32);
    ///
    /// #[derive(Clone, Default)]
    /// struct TooFast {
    ///     limits: BroadcastState<String, u32>,
    /// }
    ///
    /// impl BroadcastProcessFunction<Car, Car> for TooFast {
    ///     type Out = String;
    ///
    ///     fn open(&mut self, context: &mut BroadcastOpenContext<'_>) -> Result<(), BoxError> {
    ///         self.limits = context.broadcast_state("limits")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, (car, speed): Car, ctx: &mut BroadcastReadContext<'_, String>) -> Result<(), BoxError> {
    ///         if self.limits.get(ctx, &car).is_some_and(|limit| speed > *limit) {
    ///             ctx.emit(format!("{car} drives {speed}"));
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn process_broadcast(
    ///         &mut self,
    ///         (car, limit): Car,
    ///         ctx: &mut BroadcastWriteContext<'_, String>,
    ///     ) -> Result<(), BoxError> {
    ///         self.limits.insert(ctx, car, limit);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (cars, limits) = (harness.input::<Car>(), harness.input::<Car>());
    /// let too_fast =
    ///     cars.stream().connect_broadcast(&limits.stream().broadcast_state(["limits"])).process(TooFast::default());
    /// let too_fast = harness.output(&too_fast);
    /// limits.push(("Toyota".to_owned(), 65));
    /// cars.push(("Toyota".to_owned(), 67));
    /// cars.push(("Porsche".to_owned(), 230));
    /// assert_eq!(too_fast.records(), ["Toyota drives 67"]);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: BroadcastProcessFunction<A, B>,
    {
        let states = self.broadcast.states.clone();
        two_inputs("Co-Process-Broadcast", &self.stream, &self.broadcast.stream, move |context, next| {
            Ok(Box::new(BroadcastProcess::new(context, &states, function.clone(), next)?))
        })
    }
}

impl<A: Record, B: Record, S: KeySelector<A>> KeyedBroadcastConnectedStream<A, B, S> {
    /// Calls a function that has state and timers for each key of the first stream, reads the broadcast state for each of
    /// its records and for timers, and changes it for each broadcast record. In batch mode it sees the records of the
    /// first stream in the order of their timestamps.
    ///
    /// This one counts visits by page; a broadcast record resets the counts of all pages and sets how many may come:
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// #[derive(Clone, Default)]
    /// struct Quota {
    ///     visits: ValueState<u32>,
    ///     quota: BroadcastState<(), u32>,
    /// }
    ///
    /// impl KeyedBroadcastProcessFunction<String, String, u32> for Quota {
    ///     type Out = String;
    ///
    ///     fn open(&mut self, context: &mut BroadcastOpenContext<'_, String>) -> Result<(), BoxError> {
    ///         self.visits = context.value("visits")?;
    ///         self.quota = context.broadcast_state("quota")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(
    ///         &mut self,
    ///         page: String,
    ///         ctx: &mut KeyedBroadcastReadContext<'_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         let quota = self.quota.get(ctx, &()).copied().unwrap_or(u32::MAX);
    ///         let visits = self.visits.get_or_default(ctx);
    ///         *visits += 1;
    ///         if *visits > quota {
    ///             ctx.emit(page);
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn process_broadcast(
    ///         &mut self,
    ///         quota: u32,
    ///         ctx: &mut KeyedBroadcastWriteContext<'_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         self.quota.insert(ctx, (), quota);
    ///         ctx.apply_to_keyed_state(self.visits, |ctx| {
    ///             self.visits.clear(ctx);
    ///             Ok(())
    ///         })
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (visits, quotas) = (harness.input::<String>(), harness.input::<u32>());
    /// let refused = visits
    ///     .stream()
    ///     .key_by(|page| page.clone())
    ///     .connect_broadcast(&quotas.stream().broadcast_state(["quota"]))
    ///     .process(Quota::default());
    /// let refused = harness.output(&refused);
    /// visits.push("home".to_owned());
    /// quotas.push(1);
    /// visits.push("home".to_owned());
    /// visits.push("about".to_owned());
    /// visits.push("home".to_owned());
    /// assert_eq!(refused.records(), ["home"]);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: KeyedBroadcastProcessFunction<S::Key, A, B>,
    {
        let states = self.broadcast.states.clone();
        let selector = self.stream.selector.clone();
        let (left, right) = (&self.stream.stream, &self.broadcast.stream);
        two_inputs("Co-Process-Broadcast-Keyed", left, right, move |context, next| {
            let (selector, function) = (selector.clone(), function.clone());
            let operator = KeyedBroadcastProcess::new(context.clone(), &states, selector, function, next)?;
            Ok(left_in_time_order(&context, operator))
        })
    }
}
