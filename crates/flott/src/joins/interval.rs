use flott_runtime::{
    BoxError, OutputTag, Record,
    functions::{JoinContext, ProcessJoinFunction},
    operators::{self, Bound, Interval, IntervalJoinSettings, KeySelector, co_in_time_order},
    windowing::TimeOffset,
};

use crate::{Error, KeyedStream, SingleOutputStream, connected::two_inputs};

/// Two keyed streams that are to be joined, still without the interval: see [`KeyedStream::interval_join`].
#[derive(Clone)]
pub struct IntervalJoin<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    left: KeyedStream<A, L>,
    right: KeyedStream<B, R>,
}

/// Two keyed streams that are joined where their records are near to each other in time: see
/// [`KeyedStream::interval_join`].
#[derive(Clone)]
pub struct IntervalJoined<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    join: IntervalJoin<A, B, L, R>,
    lower: Bound,
    upper: Bound,
    late_left: Option<OutputTag<A>>,
    late_right: Option<OutputTag<B>>,
}

impl<A: Record, L: KeySelector<A>> KeyedStream<A, L> {
    /// Joins each record with those of another stream that have the same key and are near in event time: not before
    /// `left + lower` and not after `left + upper`, where `left` is the record's timestamp and the bounds are those given
    /// to [`between`](IntervalJoin::between).
    ///
    /// A pair has the later timestamp of its records. Records are kept as long as one may come that they belong to, which
    /// the watermark tells. A record that is behind the watermark is late: it finds no partners, and goes into a side
    /// output or is counted by the metric `numLateRecordsDropped`. A record without timestamp fails the job.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let (orders, shipments) = (harness.input::<(u32, String)>(), harness.input::<(u32, String)>());
    /// let ordered = orders.stream().key_by(|(order, _)| *order);
    /// let shipped = shipments.stream().key_by(|(order, _)| *order);
    /// let quick = ordered
    ///     .interval_join(&shipped)
    ///     .between(TimeOffset::ZERO, Duration::from_secs(60))
    ///     .apply(|(_, what), (_, carrier)| format!("{what} by {carrier}"));
    /// let quick = harness.output(&quick);
    /// orders.push_at((1, "a lamp".to_owned()), 1_000);
    /// orders.push_at((2, "a table".to_owned()), 2_000);
    /// shipments.push_at((2, "train".to_owned()), 62_001); // too late by a millisecond
    /// shipments.push_at((1, "bike".to_owned()), 61_000);
    /// assert_eq!(quick.timestamped(), [("a lamp by bike".to_owned(), Some(Timestamp::from_millis(61_000)))]);
    /// ```
    ///
    /// Keys of different types are refused:
    ///
    /// ```compile_fail
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let orders = env.from_collection([(7u32, "a lamp".to_owned())]).key_by(|(order, _)| *order);
    /// let shipments = env.from_collection([(7u64, "bike".to_owned())]).key_by(|(order, _)| *order);
    /// orders.interval_join(&shipments);
    /// ```
    pub fn interval_join<B, R>(&self, other: &KeyedStream<B, R>) -> IntervalJoin<A, B, L, R>
    where
        B: Record,
        R: KeySelector<B, Key = L::Key>,
    {
        IntervalJoin { left: self.clone(), right: other.clone() }
    }
}

impl<A, B, L, R> IntervalJoin<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    /// Sets how far from a record of the first stream those of the second may be. Both bounds belong to the interval, and
    /// may be before the record or behind it. `execute` refuses a lower bound that is greater than the upper one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// // From ten seconds before a call to five seconds after it.
    /// calls.interval_join(&alarms).between(TimeOffset::before(Duration::from_secs(10)), Duration::from_secs(5));
    /// ```
    pub fn between(
        &self,
        lower: impl Into<TimeOffset>,
        upper: impl Into<TimeOffset>,
    ) -> IntervalJoined<A, B, L, R> {
        IntervalJoined {
            join: self.clone(),
            lower: Bound { at: lower.into(), inclusive: true },
            upper: Bound { at: upper.into(), inclusive: true },
            late_left: None,
            late_right: None,
        }
    }
}

impl<A, B, L, R> IntervalJoined<A, B, L, R>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    /// Excludes the lower bound from the interval.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// // Not at the same time, but up to five seconds later.
    /// calls.interval_join(&alarms).between(TimeOffset::ZERO, Duration::from_secs(5)).lower_bound_exclusive();
    /// ```
    #[must_use]
    pub fn lower_bound_exclusive(mut self) -> Self {
        self.lower.inclusive = false;
        self
    }

    /// Excludes the upper bound from the interval.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// // Less than five seconds later.
    /// calls.interval_join(&alarms).between(TimeOffset::ZERO, Duration::from_secs(5)).upper_bound_exclusive();
    /// ```
    #[must_use]
    pub fn upper_bound_exclusive(mut self) -> Self {
        self.upper.inclusive = false;
        self
    }

    /// Emits late records of the first stream into a side output. Without, they are dropped and counted.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// # let harness = TestHarness::new();
    /// # let (calls, alarms) = (harness.input::<u32>(), harness.input::<u32>());
    /// # let [calls_by_key, alarms_by_key] = [&calls, &alarms].map(|input| input.stream().key_by(|key| *key));
    /// let late = OutputTag::new("late calls");
    /// let joined = calls_by_key
    ///     .interval_join(&alarms_by_key)
    ///     .between(Duration::ZERO, Duration::from_secs(5))
    ///     .side_output_left_late_data(&late)
    ///     .apply(|call, _| *call);
    /// let late = joined.side_output(&late);
    /// # let late = harness.output(&late);
    /// # calls.watermark(10);
    /// # alarms.watermark(10);
    /// # calls.push_at(1, 9);
    /// # calls.push_at(2, 10);
    /// # assert_eq!(late.records(), [1]);
    /// ```
    #[must_use]
    pub fn side_output_left_late_data(mut self, tag: &OutputTag<A>) -> Self {
        self.late_left = Some(tag.clone());
        self
    }

    /// Emits late records of the second stream into a side output. Without, they are dropped and counted.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// let late = OutputTag::new("late alarms");
    /// let joined = calls
    ///     .interval_join(&alarms)
    ///     .between(Duration::ZERO, Duration::from_secs(5))
    ///     .side_output_right_late_data(&late)
    ///     .apply(|call, _| *call);
    /// joined.side_output(&late).print();
    /// ```
    #[must_use]
    pub fn side_output_right_late_data(mut self, tag: &OutputTag<B>) -> Self {
        self.late_right = Some(tag.clone());
        self
    }

    /// Emits what `function` makes of each pair.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// let joined = calls.interval_join(&alarms).between(Duration::ZERO, Duration::from_secs(5));
    /// joined.apply(|call, alarm| (*call, *alarm));
    /// ```
    pub fn apply<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(&A, &B) -> U + Clone + Send + Sync + 'static,
    {
        self.process(Apply { function, record: std::marker::PhantomData })
    }

    /// Calls `function` for each pair, which may emit any number of records, also into side outputs, and knows the
    /// timestamps of both.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [calls, alarms] = [1u32, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    /// let joined = calls.interval_join(&alarms).between(Duration::ZERO, Duration::from_secs(5));
    /// joined.flat_apply(|call, alarm, ctx| if alarm > call { ctx.emit((*alarm, ctx.right_timestamp())) });
    /// ```
    pub fn flat_apply<U, F>(&self, function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(&A, &B, &mut JoinContext<'_, U>) + Clone + Send + Sync + 'static,
    {
        self.process(FlatApply { function, record: std::marker::PhantomData })
    }

    /// As [`flat_apply`](Self::flat_apply), for a function with `open`, `close` and errors.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// #[derive(Clone)]
    /// struct Delay;
    ///
    /// impl ProcessJoinFunction<String, String> for Delay {
    ///     type Out = Duration;
    ///
    ///     fn process(
    ///         &mut self,
    ///         _: &String,
    ///         _: &String,
    ///         ctx: &mut JoinContext<'_, Duration>,
    ///     ) -> Result<(), BoxError> {
    ///         ctx.emit(ctx.right_timestamp().since(ctx.left_timestamp()));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (calls, answers) = (harness.input::<String>(), harness.input::<String>());
    /// let delays = calls
    ///     .stream()
    ///     .key_by(|id| id.clone())
    ///     .interval_join(&answers.stream().key_by(|id| id.clone()))
    ///     .between(Duration::ZERO, Duration::from_secs(60))
    ///     .process(Delay);
    /// let delays = harness.output(&delays);
    /// calls.push_at("a".to_owned(), 1_000);
    /// answers.push_at("a".to_owned(), 3_500);
    /// assert_eq!(delays.records(), [Duration::from_millis(2_500)]);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: ProcessJoinFunction<A, B>,
    {
        let Self { join: IntervalJoin { left, right }, lower, upper, late_left, late_right } = self;
        let interval = Interval::new(*lower, *upper).unwrap_or_else(|| {
            let problem = format!(
                "cannot join between {} and {}: the lower bound must not exceed the upper one",
                lower.at, upper.at
            );
            left.stream.env.graph.borrow_mut().problems.push(Error::Setting(problem));
            Interval::POINT
        });
        let settings =
            IntervalJoinSettings { interval, late_left: late_left.clone(), late_right: late_right.clone() };
        let selectors = (left.selector.clone(), right.selector.clone());
        two_inputs("Interval Join", &left.stream, &right.stream, move |context, next| {
            let (settings, function) = (settings.clone(), function.clone());
            let operator =
                operators::IntervalJoin::new(context.clone(), settings, selectors.clone(), function, next)?;
            Ok(co_in_time_order(&context, operator))
        })
    }
}

/// One record for each pair.
#[derive(Clone)]
struct Apply<F, U> {
    function: F,
    record: std::marker::PhantomData<fn() -> U>,
}

impl<A, B, U, F> ProcessJoinFunction<A, B> for Apply<F, U>
where
    U: Record,
    F: FnMut(&A, &B) -> U + Clone + Send + Sync + 'static,
{
    type Out = U;

    #[inline]
    fn process(&mut self, left: &A, right: &B, context: &mut JoinContext<'_, U>) -> Result<(), BoxError> {
        context.emit((self.function)(left, right));
        Ok(())
    }
}

/// Any number of records for each pair.
#[derive(Clone)]
struct FlatApply<F, U> {
    function: F,
    record: std::marker::PhantomData<fn() -> U>,
}

impl<A, B, U, F> ProcessJoinFunction<A, B> for FlatApply<F, U>
where
    U: Record,
    F: FnMut(&A, &B, &mut JoinContext<'_, U>) + Clone + Send + Sync + 'static,
{
    type Out = U;

    #[inline]
    fn process(&mut self, left: &A, right: &B, context: &mut JoinContext<'_, U>) -> Result<(), BoxError> {
        (self.function)(left, right, context);
        Ok(())
    }
}
