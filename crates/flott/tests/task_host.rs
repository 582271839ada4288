//! Dataflows on one and on two task hosts.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "task_host/task_manager.rs"]
mod task_manager;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use flott::{Batch, BoxError, NoCommittable, RuntimeContext, Sink, SinkWriter, prelude::*};
use flott_core::{FailureKind, metrics::TaskMetrics};
use flott_rpc::protocol::TaskState;
use task_manager::{Ended, failure, run};

/// Collects what reaches it, with the subtask that it reached.
#[derive(Clone)]
struct Collect<T>(Arc<Mutex<Vec<(u32, T)>>>);

struct CollectWriter<T> {
    subtask: u32,
    records: Arc<Mutex<Vec<(u32, T)>>>,
}

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Collect<T> {
    fn records(&self) -> Vec<T> {
        self.0.lock().unwrap().iter().map(|(_, record)| record.clone()).collect()
    }
}

impl<T: Send + 'static> Sink<T> for Collect<T> {
    type Writer = CollectWriter<T>;

    fn writer(&self, context: &RuntimeContext, _: Vec<()>) -> Result<CollectWriter<T>, BoxError> {
        Ok(CollectWriter { subtask: context.task.subtask.0, records: self.0.clone() })
    }
}

impl<T: Send> SinkWriter<T> for CollectWriter<T> {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        self.records.lock().unwrap().extend(batch.records.drain(..).map(|record| (self.subtask, record)));
        Ok(())
    }
}

fn environment(parallelism: u32) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(parallelism);
    env
}

fn assert_all_finished(ended: &[Ended]) {
    for ended in ended {
        assert_eq!(ended.state, TaskState::Finished, "{ended:?}");
    }
}

async fn counts_each_key(hosts: u32, mode: RuntimeMode) -> Vec<(u64, u64)> {
    let env = environment(4);
    env.set_runtime_mode(mode);
    let sink = Collect::default();
    env.generate(Some(100_000), |i| i).key_by(|i| i % 1_000).count().sink_to(sink.clone(), "collect");
    assert_all_finished(&run(&env, hosts).await);
    sink.records()
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_mode_emits_the_final_count_of_each_key_once() {
    for hosts in [1, 2] {
        let counts = counts_each_key(hosts, RuntimeMode::Batch).await;
        assert_eq!(counts.len(), 1_000);
        let counts: BTreeMap<_, _> = counts.into_iter().collect();
        assert_eq!(counts, (0..1_000).map(|key| (key, 100)).collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streaming_mode_emits_each_count_on_the_way() {
    let mut counts = counts_each_key(2, RuntimeMode::Streaming).await;
    counts.sort_unstable();
    let expected: Vec<_> = (0..1_000).flat_map(|key| (1..=100).map(move |count| (key, count))).collect();
    assert_eq!(counts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalance_union_and_broadcast_reach_whom_they_should() {
    let env = environment(3);
    let (balanced, everywhere) = (Collect::default(), Collect::default());
    let numbers = env.from_collection(0..30u64).union(&env.from_collection(30..60u64));
    numbers.rebalance().map(|n| n).sink_to(balanced.clone(), "balanced");
    numbers.broadcast().map(|n| n).sink_to(everywhere.clone(), "everywhere");
    assert_all_finished(&run(&env, 2).await);

    let mut records = balanced.records();
    records.sort_unstable();
    assert_eq!(records, (0..60).collect::<Vec<_>>());
    let mut per_subtask = BTreeMap::<u32, u32>::new();
    for (subtask, _) in balanced.0.lock().unwrap().iter() {
        *per_subtask.entry(*subtask).or_default() += 1;
    }
    assert_eq!(per_subtask, [(0, 20), (1, 20), (2, 20)].into());
    assert_eq!(everywhere.records().len(), 180);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_may_become_more_than_the_channels_can_hold() {
    let env = environment(2);
    let sink = Collect::default();
    env.from_collection([100_000u64, 100_000])
        .flat_map(|count, out| out.extend(0..count))
        .key_by(|n| *n)
        .sum(|n| n)
        .filter(|_| false)
        .sink_to(sink.clone(), "none");
    let ended = run(&env, 2).await;
    assert_all_finished(&ended);
    let total = ended.iter().fold(TaskMetrics::default(), |total, ended| total.plus(ended.metrics));
    assert!(total.records_in >= 200_000, "{total:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_the_task_with_its_operator_and_message() {
    let env = environment(2);
    env.generate(None, |i| i)
        .map(|i| if i == 5_000 { panic!("no number {i}") } else { i })
        .name("Picky")
        .key_by(|i| *i)
        .count()
        .sink_to(Collect::default(), "collect");
    let ended = run(&env, 2).await;
    let cause = failure(&ended);
    assert_eq!(cause.kind, FailureKind::Panic);
    assert_eq!(cause.message, "no number 5000");
    assert_eq!(cause.operator.as_deref(), Some("Picky"));
    assert!(cause.location.as_deref().unwrap().contains("task_host.rs"));
    assert!(ended.iter().any(|ended| ended.state == TaskState::Canceled));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_input_fails_the_task_with_the_path() {
    let env = environment(2);
    env.read_text_file("/no/such/file").print();
    let ended = run(&env, 1).await;
    let cause = failure(&ended);
    assert_eq!(cause.kind, FailureKind::External);
    assert!(cause.message.contains("/no/such/file"), "{}", cause.message);
}

/// A sink whose user code panics where it is told to.
struct Fragile {
    opening: bool,
}

struct FragileWriter;

impl<T: Send + 'static> Sink<T> for Fragile {
    type Writer = FragileWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<FragileWriter, BoxError> {
        assert!(!self.opening, "cannot open");
        Ok(FragileWriter)
    }
}

impl<T> SinkWriter<T> for FragileWriter {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        batch.clear();
        Ok(())
    }
}

impl Drop for FragileWriter {
    fn drop(&mut self) {
        panic!("cannot close");
    }
}

async fn panics(build: impl FnOnce(&StreamExecutionEnvironment), hosts: u32) -> (String, Option<String>) {
    let env = environment(2);
    build(&env);
    let ended = run(&env, hosts).await;
    let cause = failure(&ended);
    assert_eq!(cause.kind, FailureKind::Panic, "{cause:?}");
    assert!(cause.location.as_deref().unwrap().contains("task_host.rs"), "{cause:?}");
    (cause.message.clone(), cause.operator.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_key_selector_is_named_by_the_operator_before_it() {
    let build = |env: &StreamExecutionEnvironment| {
        let numbers = env.from_sequence(1, 100).rebalance().map(|n| n).name("Before");
        numbers
            .key_by(|n| if *n == 7 { panic!("no key") } else { *n })
            .count()
            .sink_to(Collect::default(), "collect");
    };
    assert_eq!(panics(build, 1).await, ("no key".to_owned(), Some("Before".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_when_opened_or_dropped_fails_its_task() {
    let build = |opening| {
        move |env: &StreamExecutionEnvironment| {
            env.from_sequence(1, 10).sink_to(Fragile { opening }, "fragile");
        }
    };
    assert_eq!(panics(build(true), 1).await, ("cannot open".to_owned(), Some("Sink: fragile".to_owned())));
    assert_eq!(panics(build(false), 1).await.0, "cannot close");
}

/// Can be written, but not read back.
#[derive(Clone, serde::Serialize)]
struct OneWay(u64);

impl<'de> serde::Deserialize<'de> for OneWay {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("one way only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_back_is_named_by_the_operator_behind_it() {
    let build = |env: &StreamExecutionEnvironment| {
        env.from_sequence(1, 100).map(OneWay).rebalance().map(|OneWay(n)| n).name("Behind").print();
    };
    let (message, operator) = panics(build, 2).await;
    assert_eq!((message.as_str(), operator.as_deref()), ("one way only", Some("Behind")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_end_is_left_when_the_job_fails() {
    let env = environment(1);
    env.from_collection([1u64])
        .flat_map(|_, out| {
            loop {
                out.emit(1u64);
            }
        })
        .rebalance()
        .map(|n| if n == 1 { panic!("enough") } else { n })
        .sink_to(Collect::default(), "collect");
    let ended = run(&env, 2).await;
    assert_eq!(failure(&ended).message, "enough");
    assert!(ended.iter().any(|ended| ended.state == TaskState::Canceled), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_joined_with_itself_gives_each_record_twice() {
    let env = environment(2);
    let sink = Collect::default();
    let numbers = env.from_sequence(1, 3);
    numbers.union(&numbers).map(|n| n).sink_to(sink.clone(), "collect");
    numbers.key_by(|n| *n);
    assert_all_finished(&run(&env, 2).await);
    let mut records = sink.records();
    records.sort_unstable();
    assert_eq!(records, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_input_ends_everywhere() {
    let env = environment(4);
    let sink = Collect::default();
    env.generate(Some(0), |i| i)
        .key_by(|i| *i)
        .count()
        .broadcast()
        .map(|pair| pair)
        .sink_to(sink.clone(), "c");
    assert_all_finished(&run(&env, 2).await);
    assert!(sink.records().is_empty());
}
