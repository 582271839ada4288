//! Functions with state for each key.

use flott_runtime::{
    Record,
    functions::{KeyedProcessFunction, RichFilterFunction, RichFlatMapFunction, RichMapFunction},
    operators::{
        AsProcess, Collector, KeySelector, KeyedProcess, RichFilter, RichFlatMap, RichMap, WithState,
        in_time_order,
    },
};
use flott_state::StateValue;

use super::KeyedStream;
use crate::SingleOutputStream;

impl<T: Record, S: KeySelector<T>> KeyedStream<T, S> {
    fn processed<F>(&self, name: &str, function: F) -> SingleOutputStream<F::Out>
    where
        F: KeyedProcessFunction<S::Key, T>,
    {
        let selector = self.selector.clone();
        self.stream.operator_with_sides(name, move |context, next| {
            let operator = KeyedProcess::new(context.clone(), selector.clone(), function.clone(), next)?;
            Ok(in_time_order(&context, operator))
        })
    }

    /// Calls a function with state and timers for each key.
    ///
    /// This one tells of users who log in and do nothing more for an hour:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let events = env.from_collection(["ann", "bob"].map(str::to_owned));
    /// #[derive(Clone, Default)]
    /// struct Inactive {
    ///     wakes_at: ValueState<Timestamp>,
    /// }
    ///
    /// impl KeyedProcessFunction<String, String> for Inactive {
    ///     type Out = String;
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
    ///         self.wakes_at = context.value("wakes-at")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, _: String, ctx: &mut KeyedContext<'_, String, String>) -> Result<(), BoxError> {
    ///         let now = ctx.timestamp().ok_or("events need timestamps")?;
    ///         if let Some(time) = self.wakes_at.take(ctx) {
    ///             ctx.delete_event_time_timer(time);
    ///         } else {
    ///             let time = now + Duration::from_secs(3600);
    ///             ctx.register_event_time_timer(time);
    ///             self.wakes_at.set(ctx, time);
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn on_timer(
    ///         &mut self,
    ///         _: Timestamp,
    ///         ctx: &mut OnTimerContext<'_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         ctx.emit(format!("{} does nothing", ctx.key()));
    ///         self.wakes_at.clear(ctx);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// events.key_by_ref(|user| user).process(Inactive::default()).print();
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: KeyedProcessFunction<S::Key, T>,
    {
        self.processed("KeyedProcess", function)
    }

    /// Turns each record into another one, by a function that is opened and closed, may fail, and has state for each key.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// /// How much a sensor's value differs from the one before.
    /// #[derive(Clone, Default)]
    /// struct Change {
    ///     last: ValueState<f64>,
    /// }
    ///
    /// impl RichMapFunction<(u32, f64), u32> for Change {
    ///     type Out = f64;
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
    ///         self.last = context.value("last")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn map(&mut self, (_, value): (u32, f64), ctx: &mut RichContext<'_, u32>) -> Result<f64, BoxError> {
    ///         let last = self.last.get_or_insert_with(ctx, || value);
    ///         Ok(value - std::mem::replace(last, value))
    ///     }
    /// }
    ///
    /// let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// readings.key_by(|(sensor, _)| *sensor).rich_map(Change::default()).print();
    /// ```
    pub fn rich_map<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: RichMapFunction<T, S::Key>,
    {
        self.processed("Map", AsProcess(RichMap(function)))
    }

    /// Turns each record into any number of others, by a function that is opened and closed, may fail, and has state for
    /// each key.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// /// The average of each two values of a key.
    /// #[derive(Clone, Default)]
    /// struct CountAverage {
    ///     sum: ValueState<(u64, f64)>,
    /// }
    ///
    /// impl RichFlatMapFunction<(u32, f64), u32> for CountAverage {
    ///     type Out = (u32, f64);
    ///
    ///     fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
    ///         self.sum = context.value("sum")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn flat_map(
    ///         &mut self,
    ///         (key, value): (u32, f64),
    ///         ctx: &mut RichContext<'_, u32>,
    ///         out: &mut Collector<'_, (u32, f64)>,
    ///     ) -> Result<(), BoxError> {
    ///         let (count, sum) = self.sum.get_or_default(ctx);
    ///         *count += 1;
    ///         *sum += value;
    ///         if *count == 2 {
    ///             out.emit((key, *sum / 2.0));
    ///             self.sum.clear(ctx);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// readings.key_by(|(key, _)| *key).rich_flat_map(CountAverage::default());
    /// ```
    pub fn rich_flat_map<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: RichFlatMapFunction<T, S::Key>,
    {
        self.processed("Flat Map", AsProcess(RichFlatMap(function)))
    }

    /// Keeps the records of which a function says so that is opened and closed, may fail, and has state for each key.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// /// Drops what was there in the last hour.
    /// #[derive(Clone, Default)]
    /// struct Deduplicate {
    ///     seen: ValueState<()>,
    /// }
    ///
    /// impl RichFilterFunction<String, String> for Deduplicate {
    ///     fn open(&mut self, context: &mut OpenContext<'_, String>) -> Result<(), BoxError> {
    ///         let ttl = StateTtl::new(Duration::from_secs(3600));
    ///         self.seen = context.value(StateDescriptor::new("seen").ttl(ttl))?;
    ///         Ok(())
    ///     }
    ///
    ///     fn filter(&mut self, _: &String, ctx: &mut RichContext<'_, String>) -> Result<bool, BoxError> {
    ///         let is_new = self.seen.get(ctx).is_none();
    ///         self.seen.set(ctx, ());
    ///         Ok(is_new)
    ///     }
    /// }
    ///
    /// let ids = env.from_collection(["a1", "b2", "a1"].map(str::to_owned));
    /// ids.key_by_ref(|id| id).rich_filter(Deduplicate::default()).print();
    /// ```
    pub fn rich_filter<F>(&self, function: F) -> SingleOutputStream<T>
    where
        F: RichFilterFunction<T, S::Key>,
    {
        self.processed("Filter", AsProcess(RichFilter(function)))
    }

    /// Turns each record into another one, with a value of state for each key: `None` before the key's first record, and
    /// again once the function has left `None`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let words = env.from_collection(["to", "be", "to"].map(str::to_owned));
    /// let numbered = words.key_by_ref(|word| word).map_with_state(|seen: &mut Option<u64>, word| {
    ///     let seen = seen.get_or_insert_default();
    ///     *seen += 1;
    ///     format!("{word} for the {seen}. time")
    /// });
    /// numbered.print();
    /// ```
    pub fn map_with_state<V, U, F>(&self, mut function: F) -> SingleOutputStream<U>
    where
        V: StateValue,
        U: Record,
        F: FnMut(&mut Option<V>, T) -> U + Clone + Send + Sync + 'static,
    {
        self.with_state("Map", move |state, record, out| out.emit(function(state, record)))
    }

    /// Turns each record into any number of others, with a value of state for each key: `None` before the key's first
    /// record, and again once the function has left `None`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let readings = env.from_collection([(7, 20), (8, 19), (7, 21)]);
    /// // What has changed.
    /// let changes = readings.key_by(|(sensor, _)| *sensor).flat_map_with_state(
    ///     |last: &mut Option<i32>, (sensor, value), out| {
    ///         if last.replace(value) != Some(value) {
    ///             out.emit((sensor, value));
    ///         }
    ///     },
    /// );
    /// ```
    pub fn flat_map_with_state<V, U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        V: StateValue,
        U: Record,
        F: FnMut(&mut Option<V>, T, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
    {
        self.with_state("Flat Map", function)
    }

    /// Keeps the records for which `predicate` holds, with a value of state for each key: `None` before the key's first
    /// record, and again once the predicate has left `None`.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let words = env.from_collection(["to", "be", "to"].map(str::to_owned));
    /// let distinct = words.key_by_ref(|word| word).filter_with_state(|seen: &mut Option<()>, _| seen.replace(()).is_none());
    /// distinct.print();
    /// ```
    pub fn filter_with_state<V, F>(&self, mut predicate: F) -> SingleOutputStream<T>
    where
        V: StateValue,
        F: FnMut(&mut Option<V>, &T) -> bool + Clone + Send + Sync + 'static,
    {
        self.with_state("Filter", move |state, record, out| {
            if predicate(state, &record) {
                out.emit(record);
            }
        })
    }

    fn with_state<V, U, F>(&self, name: &str, function: F) -> SingleOutputStream<U>
    where
        V: StateValue,
        U: Record,
        F: FnMut(&mut Option<V>, T, &mut Collector<'_, U>) + Clone + Send + Sync + 'static,
    {
        self.processed(name, WithState::new(function))
    }
}
