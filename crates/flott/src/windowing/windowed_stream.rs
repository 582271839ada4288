use std::{ops::AddAssign, time::Duration};

use flott_runtime::{
    OutputTag, Record,
    operators::KeySelector,
    windowing::{
        Aggregated, Applied, Best, CountEvictor, CountTrigger, Counted, EmitKeyAndValue, EmitValue, Evictor,
        GlobalWindows, Listed, NoEvictor, ProcessWindowFunction, Processed, PurgingTrigger, Reduced, Storing,
        Trigger, WindowAssigner, WindowContext, WithEvictor,
    },
};
use flott_state::AggregateFunction;

use super::{build::Windows, methods::window_methods};
use crate::{KeyedStream, SingleOutputStream};

/// The windows of each key of a stream: what [`KeyedStream::window`](crate::KeyedStream::window) gives.
///
/// ```
/// # use std::time::Duration;
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// # let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
/// let late = OutputTag::new("late");
/// let hottest = readings
///     .key_by(|(sensor, _)| *sensor)
///     .window(SlidingEventTimeWindows::of(Duration::from_secs(60), Duration::from_secs(10)))
///     .allowed_lateness(Duration::from_secs(5))
///     .side_output_late_data(&late)
///     .max(|(_, temperature)| temperature);
/// hottest.side_output(&late).map(|(sensor, _)| format!("{sensor} was late")).print_to_err();
/// ```
#[derive(Clone)]
pub struct WindowedStream<T, S, A, G, E = NoEvictor> {
    windows: Windows<T, S, A, G, E>,
}

/// A stream with its windows of one key each, fired by the assigner's own trigger.
type Windowed<T, S, A> = WindowedStream<T, S, A, <A as WindowAssigner<T>>::DefaultTrigger>;

impl<T: Record, S: KeySelector<T>> KeyedStream<T, S> {
    /// Puts the records of each key into windows.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let clicks = env.from_collection([("ann".to_owned(), 1u64)]);
    /// // How often each user clicks before a pause of half an hour.
    /// clicks
    ///     .key_by_ref(|(user, _)| user)
    ///     .window(EventTimeSessionWindows::with_gap(Duration::from_secs(30 * 60)))
    ///     .sum(|(_, clicks)| clicks);
    /// ```
    pub fn window<A: WindowAssigner<T>>(&self, assigner: A) -> Windowed<T, S, A> {
        WindowedStream { windows: Windows::new(self.stream.clone(), self.selector.clone(), assigner) }
    }

    /// Puts each `count` records of a key into a window, one after the other. What is not enough in the end is dropped.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).key_by(|n| n % 2).count_window(10).reduce(|sum, n| *sum += n).print();
    /// ```
    pub fn count_window(
        &self,
        count: u64,
    ) -> WindowedStream<T, S, GlobalWindows, PurgingTrigger<CountTrigger>> {
        self.window(GlobalWindows::create()).trigger(PurgingTrigger::of(CountTrigger::of(count)))
    }

    /// After each `slide` records of a key, gives a window of its last `size` ones, or of fewer if there were no more.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).key_by(|n| n % 2).count_window_sliding(10, 5).reduce(|sum, n| *sum += n).print();
    /// ```
    pub fn count_window_sliding(
        &self,
        size: u64,
        slide: u64,
    ) -> WindowedStream<T, S, GlobalWindows, CountTrigger, WithEvictor<CountEvictor>> {
        self.window(GlobalWindows::create()).evictor(CountEvictor::of(size)).trigger(CountTrigger::of(slide))
    }
}

window_methods!(
    WindowedStream<T: Record, S: KeySelector<T>>,
    S::Key,
    "# use flott::prelude::*;
     # let env = StreamExecutionEnvironment::new();
     # let readings = env.from_collection([(7u32, 20.5f64), (8, 19.0), (7, 21.5)]);
     # let minute = std::time::Duration::from_secs(60);
     # let windows = readings.key_by(|(sensor, _)| *sensor).window(TumblingEventTimeWindows::of(minute));"
);

/// Results that come with the key.
impl<T, S, A, G, E> WindowedStream<T, S, A, G, E>
where
    T: Record,
    S: KeySelector<T>,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    E: Storing<T, A::Window>,
{
    /// Adds the records of each window to an accumulator. Emits the key with the result.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// #[derive(Clone)]
    /// struct Average;
    ///
    /// impl AggregateFunction<(u32, f64)> for Average {
    ///     type Accumulator = (f64, u64);
    ///     type Output = f64;
    ///
    ///     fn create(&self) -> (f64, u64) {
    ///         (0.0, 0)
    ///     }
    ///
    ///     fn add(&self, (sum, count): &mut (f64, u64), (_, value): (u32, f64)) {
    ///         *sum += value;
    ///         *count += 1;
    ///     }
    ///
    ///     fn result(&self, (sum, count): &(f64, u64)) -> f64 {
    ///         sum / *count as f64
    ///     }
    ///
    ///     fn merge(&self, (sum, count): &mut (f64, u64), other: (f64, u64)) {
    ///         *sum += other.0;
    ///         *count += other.1;
    ///     }
    /// }
    ///
    /// readings
    ///     .key_by(|(sensor, _)| *sensor)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
    ///     .aggregate(Average)
    ///     .map(|(sensor, mean)| format!("{sensor} {mean}"))
    ///     .print();
    /// ```
    pub fn aggregate<F>(&self, function: F) -> SingleOutputStream<(S::Key, F::Output)>
    where
        F: AggregateFunction<T, Accumulator: Clone, Output: Record> + Clone + Send + Sync + 'static,
    {
        self.windows.operator(Aggregated(function), EmitKeyAndValue)
    }

    /// Counts the records of each window. Emits the key with the count.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let words = env.from_collection(["to", "be", "to"].map(str::to_owned));
    /// words
    ///     .key_by(|word| word.clone())
    ///     .window(TumblingProcessingTimeWindows::of(Duration::from_secs(5)))
    ///     .count()
    ///     .map(|(word, count)| format!("{word} {count}"))
    ///     .print();
    /// ```
    pub fn count(&self) -> SingleOutputStream<(S::Key, u64)> {
        self.windows.operator(Counted, EmitKeyAndValue)
    }
}
