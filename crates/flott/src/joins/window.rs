use std::{marker::PhantomData, time::Duration};

use flott_runtime::{
    BoxError, Record,
    operators::{ByRef, ByValue, KeySelector, TaggedKey, TaggedUnion},
    windowing::{
        Evictor, NoEvictor, ProcessWindowFunction, Storing, Trigger, WindowAssigner, WindowContext,
        WindowOpenContext, WithEvictor,
    },
};
use flott_state::Key;

use super::tagged::{keyed_union, split};
use crate::{DataStream, SingleOutputStream, windowing::WindowedStream};

/// What becomes of the records of a key and window: each pair of a join is an inner join of the two streams.
pub enum Pairs {}

/// What becomes of the records of a key and window: those of each stream are given as a whole, also if one has none.
pub enum Groups {}

/// Two streams whose records are to meet in windows, still without keys: see [`DataStream::join`] and
/// [`DataStream::co_group`].
pub struct JoinedStreams<A, B, M> {
    left: DataStream<A>,
    right: DataStream<B>,
    meeting: PhantomData<fn() -> M>,
}

/// Two streams whose records are to meet in windows, still without the key of the second: see [`DataStream::join`] and
/// [`DataStream::co_group`].
pub struct JoinedWhere<A, B, L, M> {
    streams: JoinedStreams<A, B, M>,
    left_key: L,
}

/// Two streams whose records are to meet by key, still without windows: see [`DataStream::join`] and
/// [`DataStream::co_group`].
pub struct JoinedByKey<A, B, L, R, M> {
    streams: JoinedStreams<A, B, M>,
    key: TaggedKey<L, R>,
}

/// Two streams whose records meet by key in windows: see [`DataStream::join`] and [`DataStream::co_group`].
pub struct JoinedWindows<A, B, L, R, W, G, E, M> {
    windows: WindowedStream<TaggedUnion<A, B>, TaggedKey<L, R>, W, G, E>,
    meeting: PhantomData<fn() -> M>,
}

/// The windows of two streams, fired by the assigner's own trigger.
type Joined<A, B, L, R, W, M> =
    JoinedWindows<A, B, L, R, W, <W as WindowAssigner<TaggedUnion<A, B>>>::DefaultTrigger, NoEvictor, M>;

impl<A: Record> DataStream<A> {
    /// Joins this stream with another one: each record meets those of the other stream that have the same key and are in
    /// the same window. A record that meets none is in no pair.
    ///
    /// A pair has the greatest timestamp of its window. Late records are dropped and counted, as those of all windows.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let (grades, salaries) = (harness.input::<(String, u32)>(), harness.input::<(String, u32)>());
    /// let joined = grades
    ///     .stream()
    ///     .join(salaries.stream())
    ///     .where_key(|(name, _)| name.clone())
    ///     .equal_to(|(name, _)| name.clone())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(1)))
    ///     .apply(|(name, grade), (_, salary)| format!("{name}: grade {grade}, salary {salary}"));
    /// let joined = harness.output(&joined);
    /// grades.push_at(("tom".to_owned(), 3), 100);
    /// grades.push_at(("jerry".to_owned(), 1), 200);
    /// salaries.push_at(("tom".to_owned(), 7_000), 900);
    /// salaries.push_at(("tom".to_owned(), 8_000), 1_100);
    /// grades.end();
    /// salaries.end();
    /// assert_eq!(joined.records(), ["tom: grade 3, salary 7000"]);
    /// ```
    pub fn join<B: Record>(&self, other: &DataStream<B>) -> JoinedStreams<A, B, Pairs> {
        JoinedStreams { left: self.clone(), right: other.clone(), meeting: PhantomData }
    }

    /// Brings together this stream and another one: the records of both that have the same key and are in the same window
    /// are given to a function as two lists, of which one may be empty. So outer joins can be made, among others.
    ///
    /// What is emitted has the greatest timestamp of its window. Late records are dropped and counted, as those of all
    /// windows.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let (entries, exits) = (harness.input::<String>(), harness.input::<String>());
    /// let inside = entries
    ///     .stream()
    ///     .co_group(exits.stream())
    ///     .where_key(|door| door.clone())
    ///     .equal_to(|door| door.clone())
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .apply(|entries, exits, ctx| {
    ///         let change = entries.len() as i64 - exits.len() as i64;
    ///         ctx.emit((ctx.key().clone(), change));
    ///     });
    /// let inside = harness.output(&inside);
    /// entries.push_at("north".to_owned(), 1_000);
    /// entries.push_at("north".to_owned(), 2_000);
    /// exits.push_at("north".to_owned(), 3_000);
    /// exits.push_at("south".to_owned(), 4_000);
    /// entries.end();
    /// exits.end();
    /// let mut inside = inside.records();
    /// inside.sort();
    /// assert_eq!(inside, [("north".to_owned(), 1), ("south".to_owned(), -1)]);
    /// ```
    pub fn co_group<B: Record>(&self, other: &DataStream<B>) -> JoinedStreams<A, B, Groups> {
        JoinedStreams { left: self.clone(), right: other.clone(), meeting: PhantomData }
    }
}

impl<A: Record, B: Record, M> JoinedStreams<A, B, M> {
    /// Sets the key of the first stream's records.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades.join(&salaries).where_key(|(name, _)| name.len()).equal_to(|(name, _)| name.len());
    /// ```
    pub fn where_key<K, F>(self, function: F) -> JoinedWhere<A, B, ByValue<F, K>, M>
    where
        K: Key,
        F: Fn(&A) -> K + Clone + Send + Sync + 'static,
    {
        JoinedWhere { streams: self, left_key: ByValue::new(function) }
    }

    /// Sets the key of the first stream's records, which lies within them.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades.join(&salaries).where_key_ref(|(name, _)| name).equal_to_ref(|(name, _)| name);
    /// ```
    pub fn where_key_ref<K, F>(self, function: F) -> JoinedWhere<A, B, ByRef<F, K>, M>
    where
        K: Key,
        F: Fn(&A) -> &K + Clone + Send + Sync + 'static,
    {
        JoinedWhere { streams: self, left_key: ByRef::new(function) }
    }
}

impl<A: Record, B: Record, L: KeySelector<A>, M> JoinedWhere<A, B, L, M> {
    /// Sets the key of the second stream's records, which is of the same type as the first stream's.
    ///
    /// ```compile_fail
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades.join(&salaries).where_key(|(name, _)| name.len()).equal_to(|(name, _)| name.clone());
    /// ```
    pub fn equal_to<F>(self, function: F) -> JoinedByKey<A, B, L, ByValue<F, L::Key>, M>
    where
        F: Fn(&B) -> L::Key + Clone + Send + Sync + 'static,
    {
        self.by_key(ByValue::new(function))
    }

    /// Sets the key of the second stream's records, which lies within them and is of the same type as the first stream's.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades.co_group(&salaries).where_key_ref(|(name, _)| name).equal_to_ref(|(name, _)| name);
    /// ```
    pub fn equal_to_ref<F>(self, function: F) -> JoinedByKey<A, B, L, ByRef<F, L::Key>, M>
    where
        F: Fn(&B) -> &L::Key + Clone + Send + Sync + 'static,
    {
        self.by_key(ByRef::new(function))
    }

    fn by_key<R>(self, right: R) -> JoinedByKey<A, B, L, R, M> {
        JoinedByKey { streams: self.streams, key: TaggedKey { left: self.left_key, right } }
    }
}

impl<A, B, L, R, M> JoinedByKey<A, B, L, R, M>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
{
    /// Sets the windows in which records meet. Both streams have the same ones; with sessions, a record of either stream
    /// prolongs them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades
    ///     .join(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(EventTimeSessionWindows::with_gap(Duration::from_secs(60)))
    ///     .apply(|(name, _), _| name.clone());
    /// ```
    pub fn window<W>(&self, assigner: W) -> Joined<A, B, L, R, W, M>
    where
        W: WindowAssigner<TaggedUnion<A, B>>,
    {
        let JoinedStreams { left, right, .. } = &self.streams;
        let windows = keyed_union(left, right, self.key.clone()).window(assigner);
        JoinedWindows { windows, meeting: PhantomData }
    }
}

/// Settings, which are those of [`WindowedStream`].
impl<A, B, L, R, W, G, E, M> JoinedWindows<A, B, L, R, W, G, E, M>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Storing<TaggedUnion<A, B>, W::Window>,
{
    /// Lets `trigger` decide when records meet. If it fires a window several times without purging it, all of its records
    /// meet each time.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// // After each ten records of a key, of whichever stream.
    /// grades
    ///     .join(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(GlobalWindows::create())
    ///     .trigger(PurgingTrigger::of(CountTrigger::of(10)))
    ///     .apply(|(name, _), _| name.clone());
    /// ```
    pub fn trigger<H>(self, trigger: H) -> JoinedWindows<A, B, L, R, W, H, E, M>
    where
        H: Trigger<TaggedUnion<A, B>, W::Window>,
    {
        JoinedWindows { windows: self.windows.trigger(trigger), meeting: PhantomData }
    }

    /// Lets `evictor` remove records before or after they meet.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// // Only the last hundred records of a key, of both streams together.
    /// grades
    ///     .join(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .evictor(CountEvictor::of(100))
    ///     .apply(|(name, _), _| name.clone());
    /// ```
    pub fn evictor<F>(self, evictor: F) -> JoinedWindows<A, B, L, R, W, G, WithEvictor<F>, M>
    where
        F: Evictor<TaggedUnion<A, B>, W::Window>,
    {
        JoinedWindows { windows: self.windows.evictor(evictor), meeting: PhantomData }
    }

    /// For how long after the watermark has passed its end a window takes records, at each of which all of its records
    /// meet again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades
    ///     .join(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .allowed_lateness(Duration::from_secs(5))
    ///     .apply(|(name, _), _| name.clone());
    /// ```
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Self { windows: self.windows.allowed_lateness(lateness), meeting: PhantomData }
    }
}

impl<A, B, L, R, W, G, E> JoinedWindows<A, B, L, R, W, G, E, Pairs>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Storing<TaggedUnion<A, B>, W::Window>,
{
    /// Emits what `function` makes of each pair. For an example see [`DataStream::join`].
    pub fn apply<U, F>(&self, mut function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(&A, &B) -> U + Clone + Send + Sync + 'static,
    {
        self.flat_apply(move |left, right, context| context.emit(function(left, right)))
    }

    /// Calls `function` for each pair, which may emit any number of records, and knows the window.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades
    ///     .join(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .flat_apply(|(name, grade), (_, salary), ctx| {
    ///         if salary > grade {
    ///             ctx.emit((ctx.window().end(), name.clone()));
    ///         }
    ///     });
    /// ```
    pub fn flat_apply<U, F>(&self, mut function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(&A, &B, &mut WindowContext<'_, L::Key, W::Window, U>) + Clone + Send + Sync + 'static,
    {
        self.windows.apply(move |records, context| {
            let (lefts, rights) = split(records);
            for left in &lefts {
                for right in &rights {
                    function(left, right, context);
                }
            }
        })
    }
}

impl<A, B, L, R, W, G, E> JoinedWindows<A, B, L, R, W, G, E, Groups>
where
    A: Record,
    B: Record,
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Storing<TaggedUnion<A, B>, W::Window>,
{
    /// Calls `function` with the records of the first and of the second stream, each in the order in which they came, for
    /// each key and window that has any. It may emit any number of records.
    ///
    /// This is a left outer join:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// grades
    ///     .co_group(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .apply(|grades, salaries, ctx| {
    ///         for (name, grade) in grades {
    ///             if salaries.is_empty() {
    ///                 ctx.emit((name.clone(), grade, None));
    ///             }
    ///             for (_, salary) in &salaries {
    ///                 ctx.emit((name.clone(), grade, Some(*salary)));
    ///             }
    ///         }
    ///     });
    /// ```
    pub fn apply<U, F>(&self, mut function: F) -> SingleOutputStream<U>
    where
        U: Record,
        F: FnMut(Vec<A>, Vec<B>, &mut WindowContext<'_, L::Key, W::Window, U>)
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.windows.apply(move |records, context| {
            let (lefts, rights) = split(records);
            function(lefts, rights, context);
        })
    }

    /// As [`apply`](Self::apply), for a function with state and errors. It gets the records of the first and of the second
    /// stream as a pair.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let [grades, salaries] = [("tom".to_owned(), 3), ("tom".to_owned(), 7)].map(|row| env.from_collection([row]));
    /// type Row = (String, i32);
    ///
    /// #[derive(Clone)]
    /// struct OneSalary;
    ///
    /// impl ProcessWindowFunction<(Vec<Row>, Vec<Row>), String, TimeWindow> for OneSalary {
    ///     type Out = String;
    ///
    ///     fn process(
    ///         &mut self,
    ///         (_, salaries): (Vec<Row>, Vec<Row>),
    ///         ctx: &mut WindowContext<'_, String, TimeWindow, String>,
    ///     ) -> Result<(), BoxError> {
    ///         match salaries.as_slice() {
    ///             [(name, _)] => ctx.emit(name.clone()),
    ///             _ => return Err(format!("{} has {} salaries", ctx.key(), salaries.len()).into()),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// grades
    ///     .co_group(&salaries)
    ///     .where_key_ref(|(name, _)| name)
    ///     .equal_to_ref(|(name, _)| name)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .process(OneSalary);
    /// ```
    pub fn process<F>(&self, function: F) -> SingleOutputStream<F::Out>
    where
        F: ProcessWindowFunction<(Vec<A>, Vec<B>), L::Key, W::Window>,
    {
        self.windows.process(Split(function))
    }
}

/// Gives a function the records of both streams apart.
#[derive(Clone)]
struct Split<F>(F);

impl<A, B, K, W, F> ProcessWindowFunction<Vec<TaggedUnion<A, B>>, K, W> for Split<F>
where
    K: Key,
    W: flott_runtime::windowing::Window,
    F: ProcessWindowFunction<(Vec<A>, Vec<B>), K, W>,
{
    type Out = F::Out;

    fn open(&mut self, context: &mut WindowOpenContext<'_, K, W>) -> Result<(), BoxError> {
        self.0.open(context)
    }

    fn process(
        &mut self,
        records: Vec<TaggedUnion<A, B>>,
        context: &mut WindowContext<'_, K, W, F::Out>,
    ) -> Result<(), BoxError> {
        self.0.process(split(records), context)
    }

    fn clear(&mut self, context: &mut WindowContext<'_, K, W, F::Out>) -> Result<(), BoxError> {
        self.0.clear(context)
    }

    fn close(&mut self) -> Result<(), BoxError> {
        self.0.close()
    }
}
