use std::{ops::AddAssign, time::Duration};

use flott_runtime::{
    OutputTag, Record,
    operators::ByValue,
    windowing::{
        Aggregated, Applied, Best, CountEvictor, CountTrigger, Counted, EmitValue, Evictor, GlobalWindows,
        Listed, NoEvictor, ProcessWindowFunction, Processed, PurgingTrigger, Reduced, Storing, Trigger,
        WindowAssigner, WindowContext, WithEvictor,
    },
};
use flott_state::AggregateFunction;

use super::{build::Windows, methods::window_methods};
use crate::{DataStream, SingleOutputStream};

/// All records have the same key.
type NoKey<T> = ByValue<fn(&T) -> (), ()>;

/// The windows of a whole stream: what [`DataStream::window_all`](crate::DataStream::window_all) gives. One subtask gets all
/// records, so that no more than one processor works on them.
///
/// ```
/// # use std::time::Duration;
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// # let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
/// readings
///     .window_all(TumblingEventTimeWindows::of(Duration::from_secs(60)))
///     .max_by(|(_, temperature)| *temperature)
///     .map(|(sensor, temperature)| format!("{sensor} was the hottest with {temperature}"))
///     .print();
/// ```
#[derive(Clone)]
pub struct AllWindowedStream<T, A, G, E = NoEvictor> {
    windows: Windows<T, NoKey<T>, A, G, E>,
}

/// A stream with its windows, fired by the assigner's own trigger.
type AllWindowed<T, A> = AllWindowedStream<T, A, <A as WindowAssigner<T>>::DefaultTrigger>;

impl<T: Record> DataStream<T> {
    /// Puts all records into windows, whatever their key, in one subtask.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let lines = env.from_collection(["a", "b"].map(str::to_owned));
    /// lines.window_all(TumblingProcessingTimeWindows::of(Duration::from_secs(1))).count().print();
    /// ```
    pub fn window_all<A: WindowAssigner<T>>(&self, assigner: A) -> AllWindowed<T, A> {
        let keyed = self.key_by((|_| ()) as fn(&T));
        AllWindowedStream { windows: Windows::new(keyed.stream, keyed.selector, assigner).in_one_subtask() }
    }

    /// Puts each `count` records into a window, one after the other, in one subtask. What is not enough in the end is
    /// dropped.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).count_window_all(10).reduce(|sum, n| *sum += n).print();
    /// ```
    pub fn count_window_all(
        &self,
        count: u64,
    ) -> AllWindowedStream<T, GlobalWindows, PurgingTrigger<CountTrigger>> {
        self.window_all(GlobalWindows::create()).trigger(PurgingTrigger::of(CountTrigger::of(count)))
    }

    /// After each `slide` records, gives a window of the last `size` ones, or of fewer if there were no more, in one
    /// subtask.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).count_window_all_sliding(10, 5).reduce(|sum, n| *sum += n).print();
    /// ```
    pub fn count_window_all_sliding(
        &self,
        size: u64,
        slide: u64,
    ) -> AllWindowedStream<T, GlobalWindows, CountTrigger, WithEvictor<CountEvictor>> {
        self.window_all(GlobalWindows::create())
            .evictor(CountEvictor::of(size))
            .trigger(CountTrigger::of(slide))
    }
}

window_methods!(
    AllWindowedStream<T: Record>,
    (),
    "# use flott::prelude::*;
     # let env = StreamExecutionEnvironment::new();
     # let readings = env.from_collection([(7u32, 20.5f64), (8, 19.0), (7, 21.5)]);
     # let minute = std::time::Duration::from_secs(60);
     # let windows = readings.window_all(TumblingEventTimeWindows::of(minute));"
);

/// Results of another type than the records.
impl<T, A, G, E> AllWindowedStream<T, A, G, E>
where
    T: Record,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    E: Storing<T, A::Window>,
{
    /// Adds the records of each window to an accumulator and emits the result. For an example see
    /// [`WindowedStream::aggregate`](super::WindowedStream::aggregate).
    pub fn aggregate<F>(&self, function: F) -> SingleOutputStream<F::Output>
    where
        F: AggregateFunction<T, Accumulator: Clone, Output: Record> + Clone + Send + Sync + 'static,
    {
        self.windows.operator(Aggregated(function), EmitValue)
    }

    /// Counts the records of each window.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// # let lines = env.from_collection(["a", "b"].map(str::to_owned));
    /// let window = SlidingProcessingTimeWindows::of(Duration::from_secs(60), Duration::from_secs(1));
    /// lines.window_all(window).count().map(|count| format!("{count} in the last minute")).print();
    /// ```
    pub fn count(&self) -> SingleOutputStream<u64> {
        self.windows.operator(Counted, EmitValue)
    }
}
