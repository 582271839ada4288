//! Tests of operators and small pipelines, without a cluster and without waiting.
//!
//! A [`TestHarness`] runs a dataflow step by step in the test's own thread. What is fed is processed at once; event time
//! comes from the watermarks that the test feeds, processing time from a clock that it sets.
//!
//! ```
//! use flott::{prelude::*, testing::TestHarness};
//!
//! let harness = TestHarness::new();
//! let words = harness.input::<String>();
//! let counts = harness.output(&words.stream().key_by(|word| word.clone()).count());
//!
//! words.push("to".to_owned());
//! words.push("be".to_owned());
//! words.push("to".to_owned());
//! assert_eq!(counts.records(), [("to".to_owned(), 1), ("be".to_owned(), 1), ("to".to_owned(), 2)]);
//! ```

mod input;
mod output;

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use flott_core::{FailureCause, metrics::MetricValue};
use flott_runtime::{
    Boundedness, Record, Timestamp,
    harness::{Harness, HarnessSnapshot},
    input::{ManualFeed, ManualInput, TaskInput},
    operators::{Collect, Collected},
    program::TaskBuilder,
};

pub use flott_runtime::{harness::SnapshotOptions, operators::StreamElement};

pub use self::{input::TestInput, output::TestOutput};
use crate::{
    DataStream, DataStreamSink, SingleOutputStream, StreamExecutionEnvironment,
    graph::{AnyOutput, Node, NodeKind},
};

/// Runs a dataflow in the test's thread.
///
/// ```
/// # use flott::{prelude::*, testing::TestHarness};
/// let harness = TestHarness::new();
/// let numbers = harness.input::<u64>();
/// let even = harness.output(&numbers.stream().filter(|n| n % 2 == 0));
/// numbers.push(3);
/// numbers.push(4);
/// assert_eq!(even.records(), [4]);
/// ```
#[derive(Clone)]
pub struct TestHarness {
    env: StreamExecutionEnvironment,
    running: Rc<RefCell<Option<Harness>>>,
    start: Timestamp,
    options: SnapshotOptions,
    /// What the dataflow goes on from.
    restored: Option<TestSnapshot>,
}

/// The state of a dataflow in a [`TestHarness`], to go on from in another one.
#[derive(Clone, Debug)]
pub struct TestSnapshot(HarnessSnapshot);

impl Default for TestHarness {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHarness {
    /// A harness without inputs and outputs yet. Processing time stands at 0, operators have parallelism 1 unless they
    /// set another one.
    pub fn new() -> Self {
        let env = StreamExecutionEnvironment::new();
        env.set_parallelism(1);
        let (running, start) = (Rc::default(), Timestamp::EPOCH);
        Self { env, running, start, options: SnapshotOptions::default(), restored: None }
    }

    /// A harness whose dataflow goes on from a snapshot: what is declared next begins with the state that the same operators,
    /// found by their uids or by their place in the dataflow, had there. So tests show that a function survives a failure, or
    /// that it can be given another parallelism. Processing time goes on from that of the snapshot. What was fed then and
    /// is in the snapshot is not fed again.
    ///
    /// ```
    /// use flott::{prelude::*, testing::{TestHarness, TestInput, TestOutput}};
    ///
    /// /// The job under test.
    /// fn counts(harness: &TestHarness, parallelism: u32) -> (TestInput<String>, TestOutput<(String, u64)>) {
    ///     let words = harness.input::<String>();
    ///     let counts = words.stream().key_by(|word| word.clone()).count().set_parallelism(parallelism);
    ///     let counts = harness.output(&counts);
    ///     (words, counts)
    /// }
    ///
    /// let harness = TestHarness::new();
    /// let (words, _) = counts(&harness, 1);
    /// words.push("to".to_owned());
    /// words.push("be".to_owned());
    /// let snapshot = harness.snapshot();
    /// // This is lost in the failure, and would be read again.
    /// words.push("or".to_owned());
    ///
    /// let harness = TestHarness::restored(&snapshot);
    /// let (words, counts) = counts(&harness, 3);
    /// words.push("or".to_owned());
    /// words.push("to".to_owned());
    /// assert_eq!(counts.records(), [("or".to_owned(), 1), ("to".to_owned(), 2)]);
    /// ```
    pub fn restored(snapshot: &TestSnapshot) -> Self {
        Self { restored: Some(snapshot.clone()), ..Self::new() }
    }

    /// Has snapshots taken so, to be called before anything is fed. A harness that was [restored](Self::restored) takes them
    /// as that of its snapshot.
    #[must_use]
    pub fn with_snapshot_options(self, options: SnapshotOptions) -> Self {
        Self { options, ..self }
    }

    /// The environment, for its settings and for further sources.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// harness.env().set_job_parameter("site", "north").set_runtime_mode(RuntimeMode::Batch);
    /// let squares = harness.output(&harness.env().from_sequence(1, 3).map(|n| n * n));
    /// harness.run();
    /// assert_eq!(squares.records(), [1, 4, 9]);
    /// ```
    pub fn env(&self) -> &StreamExecutionEnvironment {
        &self.env
    }

    /// An input that the test feeds.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let (words, numbers) = (harness.input::<String>(), harness.input::<u64>());
    /// let both = harness.output(&words.stream().connect(numbers.stream()).map(|word| word, |number| number.to_string()));
    /// words.push("one".to_owned());
    /// numbers.push(2);
    /// assert_eq!(both.records(), ["one", "2"]);
    /// ```
    ///
    /// # Panics
    /// If something was fed already.
    #[track_caller]
    pub fn input<T: Record + Sync>(&self) -> TestInput<T> {
        self.expect_new();
        let feed = ManualFeed::default();
        let build = Arc::new({
            let feed = feed.clone();
            move |_: &mut TaskBuilder, next: AnyOutput| {
                Ok(Box::new(ManualInput::<T>::new(feed.clone(), next.downcast())) as Box<dyn TaskInput>)
            }
        });
        let kind = NodeKind::Source { boundedness: Boundedness::Bounded, build };
        let stream =
            SingleOutputStream::add(&self.env, Node::new::<T>("Source: test input".to_owned(), kind));
        TestInput { harness: self.clone(), feed, stream: stream.set_parallelism(1) }
    }

    /// Keeps what a stream brings.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let small = OutputTag::<u64>::new("small");
    /// let squares = numbers.stream().map(|n| n * n);
    /// // Side outputs are outputs as any other.
    /// let (all, small) = (harness.output(&squares), harness.output(&squares.side_output(&small)));
    /// numbers.push(3);
    /// assert_eq!((all.records(), small.records()), (vec![9], vec![]));
    /// ```
    ///
    /// # Panics
    /// If something was fed already.
    #[track_caller]
    pub fn output<T: Record>(&self, stream: &DataStream<T>) -> TestOutput<T> {
        self.expect_new();
        let collected = Collected::default();
        let node = Node::operator::<T, ()>("Sink: test output", stream.upstreams.clone(), {
            let collected = collected.clone();
            move |_, _| Ok(Box::new(Collect::new(collected.clone())))
        });
        DataStreamSink::add(&self.env, node).set_parallelism(1);
        TestOutput { collected }
    }

    #[track_caller]
    fn expect_new(&self) {
        assert!(
            self.running.borrow().is_none(),
            "declare all inputs and outputs before the first record is fed"
        );
    }

    fn with<R>(&self, call: impl FnOnce(&mut Harness) -> Result<R, FailureCause>) -> Result<R, FailureCause> {
        let mut running = self.running.borrow_mut();
        if running.is_none() {
            let program = self
                .env
                .job_program("test")
                .map_err(|error| FailureCause::new(flott_core::FailureKind::UserError, error.to_string()))?;
            *running = Some(match &self.restored {
                Some(TestSnapshot(snapshot)) => Harness::restore(&program, snapshot)?,
                None => Harness::with_options(&program, self.start, self.options)?,
            });
        }
        match running.as_mut() {
            Some(harness) => call(harness),
            None => unreachable!("it was made above"),
        }
    }

    /// Processes all that was fed. Inputs do this by themselves; it is of use with sources of the environment.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// harness.output(&numbers.stream().map(|n| n).set_parallelism(0));
    /// assert!(harness.try_run().is_err());
    /// ```
    ///
    /// # Errors
    /// Why the job would fail, also if it could not start.
    pub fn try_run(&self) -> Result<(), FailureCause> {
        self.with(Harness::run)
    }

    /// As [`try_run`](Self::try_run).
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn run(&self) {
        expect(self.try_run());
    }

    /// Sets processing time, and lets happen what is due on the way, each at its own time. It never goes back.
    ///
    /// # Errors
    /// Why the job would fail.
    pub fn try_set_processing_time(&self, time: impl Into<Timestamp>) -> Result<(), FailureCause> {
        let time = time.into();
        self.with(|harness| harness.set_processing_time(time))
    }

    /// As [`try_set_processing_time`](Self::try_set_processing_time).
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let window = TumblingProcessingTimeWindows::of(std::time::Duration::from_secs(5));
    /// let counts = harness.output(&numbers.stream().window_all(window).count());
    /// numbers.push(7);
    /// harness.set_processing_time(4_000);
    /// assert!(counts.records().is_empty());
    /// harness.set_processing_time(5_000);
    /// assert_eq!(counts.records(), [1]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn set_processing_time(&self, time: impl Into<Timestamp>) {
        expect(self.try_set_processing_time(time));
    }

    /// Lets processing time go on by `duration`.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let window = TumblingProcessingTimeWindows::of(std::time::Duration::from_secs(5));
    /// let counts = harness.output(&numbers.stream().window_all(window).count());
    /// numbers.push(7);
    /// harness.advance_processing_time(std::time::Duration::from_secs(5));
    /// assert_eq!(counts.records(), [1]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn advance_processing_time(&self, duration: Duration) {
        expect(self.with(|harness| harness.set_processing_time(harness.processing_time() + duration)));
    }

    /// Waits, in real time, until no asynchronous request is under way, such as those of
    /// [`ordered_wait`](DataStream::ordered_wait). Requests that wait to be tried again are not: their time, and that of
    /// timeouts, comes when the test sets it. Those that need not wait go on by themselves whenever something is fed.
    ///
    /// # Errors
    /// Why the job would fail, or that it takes longer than `timeout`.
    pub fn try_wait_for_async(&self, timeout: Duration) -> Result<(), FailureCause> {
        self.with(|harness| harness.wait_for_async(timeout))
    }

    /// As [`try_wait_for_async`](Self::try_wait_for_async).
    ///
    /// # Panics
    /// If the job would fail, or it takes longer than `timeout`.
    #[track_caller]
    pub fn wait_for_async(&self, timeout: Duration) {
        expect(self.try_wait_for_async(timeout));
    }

    /// Takes a snapshot of the whole dataflow: of all state as it is when everything that was fed has been processed. It is
    /// complete when this returns, so that sinks have made visible what belongs to it. See [`restored`](Self::restored).
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn snapshot(&self) -> TestSnapshot {
        self.begin_snapshot();
        self.finish_snapshot()
    }

    /// Begins a snapshot, which is written while more is fed, as in a real job. What is fed from now on does not belong to
    /// it.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let sums = harness.output(&numbers.stream().key_by(|n| n % 2).reduce(|sum, n| *sum += n));
    /// numbers.push(1);
    /// harness.begin_snapshot();
    /// numbers.push(3);
    /// let snapshot = harness.finish_snapshot();
    /// assert_eq!(sums.records(), [1, 4]);
    ///
    /// let harness = TestHarness::restored(&snapshot);
    /// let numbers = harness.input::<u64>();
    /// let sums = harness.output(&numbers.stream().key_by(|n| n % 2).reduce(|sum, n| *sum += n));
    /// numbers.push(5);
    /// assert_eq!(sums.records(), [6]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail, or another snapshot is not finished.
    #[track_caller]
    pub fn begin_snapshot(&self) {
        expect(self.with(Harness::begin_snapshot));
    }

    /// Writes the rest of the snapshot that has begun.
    ///
    /// # Panics
    /// If the job would fail, or none has begun.
    #[track_caller]
    pub fn finish_snapshot(&self) -> TestSnapshot {
        match self.with(Harness::finish_snapshot) {
            Ok(snapshot) => TestSnapshot(snapshot),
            Err(cause) => fail(&cause),
        }
    }

    /// How much operators have counted under this name, all of them and all subtasks together; `None` if none counts it.
    /// The metrics of a group have the group's name before theirs: `lines.malformed`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use flott::{prelude::*, testing::TestHarness};
    ///
    /// let harness = TestHarness::new();
    /// let words = harness.input::<String>();
    /// let windows = words.stream().window_all(TumblingEventTimeWindows::of(Duration::from_secs(1)));
    /// let _counts = harness.output(&windows.count());
    ///
    /// words.watermark(5_000);
    /// words.push_at("late".to_owned(), 3_000);
    /// assert_eq!(harness.count_of("numLateRecordsDropped"), Some(1));
    /// ```
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// harness.output(&numbers.stream().window_all(TumblingEventTimeWindows::of(std::time::Duration::from_secs(1))).count());
    /// numbers.watermark(5_000);
    /// numbers.push_at(7, 3_000);
    /// assert_eq!(harness.count_of("numLateRecordsDropped"), Some(1));
    /// ```
    ///
    /// # Panics
    /// If the job can't start.
    #[track_caller]
    pub fn count_of(&self, name: &str) -> Option<u64> {
        let metrics = match self.with(|harness| Ok(harness.metrics())) {
            Ok(metrics) => metrics,
            Err(cause) => panic!("the job failed: {cause}"),
        };
        let counts =
            metrics.iter().filter(|metric| *metric.name == *name).filter_map(|metric| match metric.value {
                MetricValue::Integer(count) => u64::try_from(count).ok(),
                _ => None,
            });
        counts.reduce(|sum, count| sum + count)
    }
}

#[track_caller]
fn expect(result: Result<(), FailureCause>) {
    if let Err(cause) = result {
        fail(&cause);
    }
}

#[track_caller]
fn fail(cause: &FailureCause) -> ! {
    let operator = cause.operator.as_ref().map(|name| format!(" in operator \"{name}\"")).unwrap_or_default();
    let location = cause.location.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    panic!("the job failed{operator}: {cause}{location}");
}
