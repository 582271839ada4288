use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use flott_connectors::{CollectionSource, GeneratorSource, TextFileSource};
use flott_core::{checkpoint::CheckpointSettings, job_config::JobConfig, restart::RestartStrategy, sdk};
use flott_runtime::{
    Record, Source,
    input::{SourceInput, TaskInput},
    program::TaskBuilder,
    watermark::{TimestampAssigner, WatermarkGenerator, WatermarkStrategy},
};

use crate::{
    Error, JobExecutionResult, RuntimeMode, SingleOutputStream, execution,
    graph::{AnyOutput, Node, NodeKind, StreamGraph},
};

/// Where a dataflow is built and run; Flink's class of the same name.
///
/// ```no_run
/// use flott::prelude::*;
///
/// fn main() -> Result<(), flott::Error> {
///     let env = StreamExecutionEnvironment::new();
///     env.from_sequence(1, 10).map(|n| n * n).print();
///     env.execute("squares")?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct StreamExecutionEnvironment {
    pub(crate) graph: Rc<RefCell<StreamGraph>>,
}

impl Default for StreamExecutionEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamExecutionEnvironment {
    /// The environment that fits to how the program was started: on a cluster with the submitter's settings, else
    /// local with as many parallel instances as the machine has cores.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print();
    /// ```
    pub fn new() -> Self {
        let (config, problem) = match read_config() {
            Ok(config) => (config, None),
            Err(error) => (JobConfig::default(), Some(error)),
        };
        let mut graph = StreamGraph::new(config);
        graph.problems.extend(problem);
        Self { graph: Rc::new(RefCell::new(graph)) }
    }

    fn change(&self, change: impl FnOnce(&mut JobConfig)) -> &Self {
        change(&mut self.graph.borrow_mut().config);
        self
    }

    /// Sets the parallelism of operators that set none themselves. Beats the submitter's `-p`, as in Flink.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_parallelism(4);
    /// assert_eq!(env.parallelism(), 4);
    /// ```
    pub fn set_parallelism(&self, parallelism: u32) -> &Self {
        self.change(|config| config.parallelism = parallelism)
    }

    /// The parallelism of operators that set none themselves.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_parallelism(4);
    /// assert_eq!(env.parallelism(), 4);
    /// ```
    pub fn parallelism(&self) -> u32 {
        self.graph.borrow().config.parallelism
    }

    /// Sets the max parallelism (the number of key groups) of operators that set none themselves.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_parallelism(4).set_max_parallelism(1_024);
    /// ```
    pub fn set_max_parallelism(&self, max_parallelism: u32) -> &Self {
        self.change(|config| config.max_parallelism = Some(max_parallelism))
    }

    /// Chooses between emitting each update and emitting final results.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_runtime_mode(RuntimeMode::Batch);
    /// ```
    pub fn set_runtime_mode(&self, mode: RuntimeMode) -> &Self {
        self.change(|config| config.runtime_mode = mode)
    }

    /// Sets after how long a partial batch is sent; zero sends after each input batch.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_buffer_timeout(Duration::from_millis(10));
    /// ```
    pub fn set_buffer_timeout(&self, timeout: Duration) -> &Self {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.change(|config| config.buffer_timeout_ms = millis)
    }

    /// Runs each operator as a vertex of its own.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.disable_operator_chaining();
    /// ```
    pub fn disable_operator_chaining(&self) -> &Self {
        self.change(|config| config.operator_chaining = false)
    }

    /// Sets how often watermarks are made; zero for never but those that records bring about.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_auto_watermark_interval(std::time::Duration::from_millis(50));
    /// ```
    pub fn set_auto_watermark_interval(&self, interval: Duration) -> &Self {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.change(|config| config.auto_watermark_interval_ms = millis)
    }

    /// Sets how often subtasks report what they measure; zero for never while they run. Without it
    /// `metrics.fetcher.update-interval` holds.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_metrics_update_interval(std::time::Duration::from_secs(5));
    /// ```
    pub fn set_metrics_update_interval(&self, interval: Duration) -> &Self {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.change(|config| config.metrics_interval_ms = millis)
    }

    /// Lets sources mark the time in their streams so often, so that operators and sinks show how long records took to them;
    /// zero for never. Without it `metrics.latency.interval` holds.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_latency_tracking_interval(std::time::Duration::from_secs(1));
    /// ```
    pub fn set_latency_tracking_interval(&self, interval: Duration) -> &Self {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.change(|config| config.latency.interval_ms = millis)
    }

    /// Takes a checkpoint each `interval`: from the last one the job goes on after a failure, as if nothing had happened.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.enable_checkpointing(Duration::from_secs(10));
    /// ```
    pub fn enable_checkpointing(&self, interval: Duration) -> &Self {
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        self.configure_checkpoints(|settings| settings.interval_ms = Some(millis))
    }

    /// Changes how checkpoints are taken; what is left alone stays as it was configured for the cluster or submitted.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use flott::prelude::*;
    /// use flott::checkpoint::Retention;
    ///
    /// let env = StreamExecutionEnvironment::new();
    /// env.enable_checkpointing(Duration::from_secs(10)).configure_checkpoints(|settings| {
    ///     settings.timeout_ms = 60_000;
    ///     settings.unaligned = true;
    ///     settings.aligned_timeout_ms = 1_000;
    ///     settings.retention = Retention::RetainOnCancellation;
    /// });
    /// ```
    pub fn configure_checkpoints(&self, change: impl FnOnce(&mut CheckpointSettings)) -> &Self {
        self.change(|config| change(&mut config.recovery.checkpoints))
    }

    /// Sets a key of the configuration for the cluster that a program has to itself in local mode. On a cluster that others
    /// have started it has no effect: there the submitter's settings and `conf/config.yaml` hold.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.configure_local("execution.checkpointing.dir", "/data/checkpoints");
    /// ```
    pub fn configure_local(&self, key: impl Into<String>, value: impl Into<String>) -> &Self {
        self.change(|config| drop(config.settings.insert(key.into(), value.into())))
    }

    /// Sets how often the job starts again after failures. Jobs with checkpoints that set none start again as often as it
    /// takes, each time after a longer pause; those without never do.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// use flott::RestartStrategy;
    ///
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_restart_strategy(RestartStrategy::FixedDelay { attempts: 3, delay_ms: 10_000 });
    /// ```
    pub fn set_restart_strategy(&self, strategy: RestartStrategy) -> &Self {
        self.change(|config| config.recovery.restart = Some(strategy))
    }

    /// Sets a value that functions find in their [`RuntimeContext`](crate::RuntimeContext).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.set_job_parameter("site", "north");
    /// // In a function: `context.runtime().job_parameter("site")`.
    /// ```
    pub fn set_job_parameter(&self, name: impl Into<String>, value: impl Into<String>) -> &Self {
        self.graph.borrow_mut().parameters.insert(name.into(), value.into());
        self
    }

    /// A stream of what `source` reads, with timestamps and watermarks as `strategy` says.
    ///
    /// ```
    /// # use flott::{connectors::TextFileSource, prelude::*};
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_source(TextFileSource::new("/data/books"), WatermarkStrategy::no_watermarks(), "books");
    /// ```
    pub fn from_source<S, G, A>(
        &self,
        source: S,
        strategy: WatermarkStrategy<G, A>,
        name: &str,
    ) -> SingleOutputStream<S::Record>
    where
        S: Source,
        G: WatermarkGenerator<S::Record> + Clone + Sync + 'static,
        A: TimestampAssigner<S::Record> + Clone + Sync + 'static,
    {
        let records = self.add_source(source, name);
        if G::SILENT && A::KEEPS {
            return records;
        }
        let stamped = records.assign_timestamps_and_watermarks(strategy);
        records.followed_by(stamped)
    }

    /// A stream of what `source` reads.
    fn add_source<S: Source>(&self, source: S, name: &str) -> SingleOutputStream<S::Record> {
        let source = Arc::new(source);
        let boundedness = source.boundedness();
        let build = Arc::new(move |builder: &mut TaskBuilder, next: AnyOutput| {
            let context = builder.operator(0);
            let splits = builder.splits();
            let latency = builder.latency().map(|latency| latency.ticker(context.clock()));
            let input =
                SourceInput::new(context, source.clone(), splits, next.downcast())?.with_latency(latency);
            Ok(Box::new(input) as Box<dyn TaskInput>)
        });
        let node = Node::new::<S::Record>(format!("Source: {name}"), NodeKind::Source { boundedness, build });
        SingleOutputStream::add(self, node)
    }

    /// The lines of a text file, of all files of a directory, or of the files that a glob pattern matches.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.read_text_file("/logs/2024-*/*.txt").filter(|line| line.contains("ERROR")).print();
    /// ```
    pub fn read_text_file(&self, path: impl Into<String>) -> SingleOutputStream<String> {
        self.add_source(TextFileSource::new(path), "text file")
    }

    /// The elements of a collection, in order, emitted by one subtask.
    ///
    /// ```no_run
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.from_collection(["to be", "or not"].map(str::to_owned)).print();
    /// env.execute("print")?;
    /// # Ok::<(), flott::Error>(())
    /// ```
    pub fn from_collection<T: Record + Sync>(
        &self,
        elements: impl IntoIterator<Item = T>,
    ) -> SingleOutputStream<T> {
        let source = CollectionSource::new(elements.into_iter().collect());
        self.add_source(source, "collection").set_parallelism(1)
    }

    /// The numbers from `first` to `last`, both included. `execute` refuses a `first` that is greater than `last`.
    ///
    /// ```no_run
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 1_000).filter(|n| n % 2 == 0).print();
    /// env.execute("even numbers")?;
    /// # Ok::<(), flott::Error>(())
    /// ```
    pub fn from_sequence(&self, first: u64, last: u64) -> SingleOutputStream<u64> {
        let count = last.checked_sub(first).and_then(|difference| difference.checked_add(1));
        let count = count.unwrap_or_else(|| {
            let problem = if first > last {
                format!(
                    "cannot emit the sequence from {first} to {last}: the first number must not exceed the last"
                )
            } else {
                format!("cannot emit the sequence from {first} to {last}: it has 2^64 numbers, one too many")
            };
            self.graph.borrow_mut().problems.push(Error::Setting(problem));
            0
        });
        self.add_source(GeneratorSource::new(Some(count), move |index| first + index), "sequence")
    }

    /// `function(0)`, `function(1)`, … up to `count` records, or for ever. `function` must give the same record for
    /// the same number each time.
    ///
    /// ```no_run
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.generate(Some(1_000_000), |index| (index % 100, index))
    ///     .key_by(|(key, _)| *key)
    ///     .sum(|(_, sum)| sum)
    ///     .map(|(key, sum)| format!("{key} {sum}"))
    ///     .print();
    /// env.execute("sums")?;
    /// # Ok::<(), flott::Error>(())
    /// ```
    pub fn generate<T, F>(&self, count: Option<u64>, function: F) -> SingleOutputStream<T>
    where
        T: Record,
        F: Fn(u64) -> T + Send + Sync + 'static,
    {
        self.add_source(GeneratorSource::new(count, function), "generator")
    }

    /// Whether this is the same environment as `other`. If not, that is told when the dataflow is run: what `operation`
    /// was to make would be of nodes that are not there.
    pub(crate) fn is_same_as(&self, other: &Self, operation: &str) -> bool {
        let same = Rc::ptr_eq(&self.graph, &other.graph);
        if !same {
            let problem = format!(
                "cannot make {operation} of streams of two environments: build both from the same one"
            );
            // Whichever is run tells it.
            for env in [self, other] {
                env.graph.borrow_mut().problems.push(Error::Setting(problem.clone()));
            }
        }
        same
    }

    /// The dataflow in the form in which task hosts run it.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print();
    /// assert_eq!(env.job_program("numbers")?.graph.name, "numbers");
    /// # Ok::<(), flott::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dataflow can't be run as it was built.
    pub fn job_program(&self, name: &str) -> Result<flott_runtime::JobProgram, Error> {
        self.graph.borrow().translate(name)
    }

    /// Runs the dataflow and waits for its end. An environment runs once; a program that runs several jobs, one after the
    /// other in local mode, makes an environment for each.
    ///
    /// On a cluster this never returns: the process ends with the plan or with the task host.
    ///
    /// ```no_run
    /// # use flott::prelude::*;
    /// let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 10).print();
    /// let result = env.execute("numbers")?;
    /// println!("took {:?}", result.net_runtime);
    /// # Ok::<(), flott::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dataflow can't be run or was run before, or the job fails or is canceled.
    pub fn execute(&self, name: &str) -> Result<JobExecutionResult, Error> {
        crate::marker::keep();
        let result = execution::execute(&self.graph.borrow(), name);
        // In a cluster only a program's first job runs: that a second one would run here, and with all of the first one's
        // operators, would be a trap.
        self.graph.borrow_mut().problems.push(Error::ExecutedTwice);
        result
    }
}

fn read_config() -> Result<JobConfig, Error> {
    match std::env::var(sdk::ENV_JOB_CONFIG) {
        Ok(json) => serde_json::from_str(&json)
            .map_err(|error| Error::Environment { name: sdk::ENV_JOB_CONFIG, reason: error.to_string() }),
        Err(std::env::VarError::NotPresent) => {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
            Ok(JobConfig { parallelism: cores, ..JobConfig::default() })
        }
        Err(error) => Err(Error::Environment { name: sdk::ENV_JOB_CONFIG, reason: error.to_string() }),
    }
}
