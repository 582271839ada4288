//! Asynchronous requests, in task hosts and in a test harness.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "task_host/task_manager.rs"]
mod task_manager;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use flott::{
    Batch, NoCommittable, Sink, SinkWriter,
    prelude::*,
    testing::{StreamElement, TestHarness},
};
use flott_core::FailureKind;
use flott_rpc::protocol::TaskState;
use task_manager::{Ended, failure, run};
use tokio::{sync::Semaphore, task::yield_now, time::sleep};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
struct Collect(Arc<Mutex<Vec<u64>>>);

impl Sink<u64> for Collect {
    type Writer = Self;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<Self, BoxError> {
        Ok(self.clone())
    }
}

impl SinkWriter<u64> for Collect {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> Result<(), BoxError> {
        self.0.lock().unwrap().append(&mut batch.records);
        Ok(())
    }
}

impl Collect {
    fn records(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
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

/// Answers at once, after a turn of the others, or after a while.
async fn plus_one(n: u64) -> Result<Option<u64>, BoxError> {
    match n % 1_000 {
        0 => sleep(Duration::from_millis(n % 3)).await,
        500.. => yield_now().await,
        _ => {}
    }
    Ok(Some(n + 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_job_ends_with_the_results_of_all_records() {
    for mode in [RuntimeMode::Streaming, RuntimeMode::Batch] {
        let env = environment(1);
        env.set_runtime_mode(mode);
        let sink = Collect::default();
        let options = AsyncOptions::new(MINUTE).capacity(50);
        env.from_sequence(0, 9_999).ordered_wait(options, plus_one).sink_to(sink.clone(), "collect");
        assert_all_finished(&run(&env, 1).await);
        assert_eq!(sink.records(), (1..=10_000).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unordered_results_of_all_subtasks_arrive() {
    let env = environment(3);
    let sink = Collect::default();
    env.from_sequence(0, 29_999)
        .rebalance()
        .unordered_wait(AsyncOptions::new(MINUTE), plus_one)
        .key_by(|n| *n)
        .map(|n| n)
        .sink_to(sink.clone(), "collect");
    let ended = run(&env, 2).await;
    assert_all_finished(&ended);
    assert!(ended.iter().map(|ended| ended.metrics.records_in).sum::<u64>() >= 60_000, "{ended:?}");
    let mut records = sink.records();
    records.sort_unstable();
    assert_eq!(records, (1..=30_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aggregates_that_batch_mode_emits_at_its_end_are_asked_for_too() {
    let env = environment(2);
    env.set_runtime_mode(RuntimeMode::Batch);
    let sink = Collect::default();
    env.from_sequence(1, 10_000)
        .key_by(|n| n % 500)
        .count()
        .unordered_wait(AsyncOptions::new(MINUTE).capacity(3), |(_, count)| plus_one(count))
        .sink_to(sink.clone(), "collect");
    assert_all_finished(&run(&env, 1).await);
    assert_eq!(sink.records(), [21; 500]);
}

/// Never answers.
#[derive(Clone)]
struct Silent;

impl AsyncFunction<u64> for Silent {
    type Out = u64;

    fn invoke(&self, _: u64) -> impl Future<Output = Result<Vec<u64>, BoxError>> + Send + 'static {
        std::future::pending()
    }

    fn timeout(&self, n: u64) -> Result<Vec<u64>, BoxError> {
        Ok(vec![n + 100])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_and_timeouts_come_in_real_time() {
    let env = environment(1);
    let sink = Collect::default();
    let retry = RetryStrategy::fixed_delay(1, Duration::from_millis(5));
    let attempts = Arc::new(AtomicU32::default());
    let fails_every_second_time = move |n: u64| {
        let attempt = attempts.fetch_add(1, Relaxed);
        async move { if attempt % 2 == 0 { Err("not yet".into()) } else { Ok([n]) } }
    };
    env.from_sequence(0, 2)
        .ordered_wait(AsyncOptions::new(MINUTE).capacity(1).retry(retry), fails_every_second_time)
        .unordered_wait_with(AsyncOptions::new(Duration::from_millis(5)).capacity(1), Silent)
        .sink_to(sink.clone(), "collect");
    assert_all_finished(&run(&env, 1).await);
    assert_eq!(sink.records(), [100, 101, 102]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_panics_of_requests_fail_the_job() {
    let fails = async |panics: bool| {
        let env = environment(2);
        env.generate(None, |n| n)
            .unordered_wait(AsyncOptions::new(MINUTE), move |n| async move {
                yield_now().await;
                match n {
                    5_000 if panics => panic!("no user {n}"),
                    5_000 => Err(format!("no user {n}").into()),
                    _ => Ok([n]),
                }
            })
            .name("Users")
            .sink_to(Collect::default(), "collect");
        let ended = run(&env, 1).await;
        let cause = failure(&ended).clone();
        assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("no user 5000", Some("Users")));
        cause
    };
    assert_eq!(fails(false).await.kind, FailureKind::UserError);
    let cause = fails(true).await;
    assert_eq!(cause.kind, FailureKind::Panic);
    assert!(cause.location.unwrap().contains("async_io.rs"));
}

#[test]
fn impossible_options_are_told_when_the_job_is_executed() {
    let env = environment(1);
    env.from_sequence(1, 2).ordered_wait(AsyncOptions::new(MINUTE).capacity(0), plus_one).print();
    let Err(error) = env.job_program("job") else { panic!("it must fail") };
    assert!(error.to_string().contains("capacity of 0"), "{error}");
}

#[test]
fn in_a_harness_requests_go_on_as_far_as_they_can() {
    let harness = TestHarness::new();
    let numbers = harness.input::<u64>();
    let permits = Arc::new(Semaphore::new(0));
    let wait = {
        let permits = permits.clone();
        move |n: u64| {
            let permits = permits.clone();
            async move {
                if n < 10 {
                    permits.acquire().await?.forget();
                }
                Ok([n])
            }
        }
    };
    let options = AsyncOptions::new(MINUTE);
    let results = numbers.stream().unordered_wait(options, wait).rebalance().map(|n| n).set_parallelism(2);
    let results = harness.output(&results);
    numbers.push_at(10, 5);
    numbers.push_at(1, 6);
    numbers.push_at(20, 7);
    assert_eq!(results.records(), [10, 20]);
    numbers.watermark(7);
    assert_eq!(results.elements(), []);
    let error = harness.try_wait_for_async(Duration::from_millis(1)).unwrap_err();
    assert!(error.message.contains("1 requests are still under way"), "{error}");
    permits.add_permits(1);
    harness.wait_for_async(MINUTE);
    assert_eq!(
        results.elements(),
        [StreamElement::Record(1, Some(6.into())), StreamElement::Watermark(7.into())]
    );
    numbers.push(2);
    permits.add_permits(1);
    numbers.end();
    assert_eq!(results.records(), [2]);
}

#[test]
fn in_a_harness_timeouts_and_retries_come_when_the_test_sets_the_time() {
    let harness = TestHarness::new();
    let numbers = harness.input::<u64>();
    let attempts = Arc::new(AtomicU32::default());
    let fail_twice = {
        let attempts = attempts.clone();
        move |n: u64| {
            let attempt = attempts.fetch_add(1, Relaxed);
            async move { if attempt < 2 { Err("not yet".into()) } else { Ok([n]) } }
        }
    };
    let second = Duration::from_secs(1);
    let retry = RetryStrategy::exponential_backoff(3, second, MINUTE, 10.0);
    let results =
        harness.output(&numbers.stream().ordered_wait(AsyncOptions::new(MINUTE).retry(retry), fail_twice));
    numbers.push(7);
    harness.wait_for_async(MINUTE);
    assert!(results.records().is_empty());
    harness.set_processing_time(10_999);
    assert_eq!((attempts.load(Relaxed), results.records()), (2, vec![]));
    harness.set_processing_time(11_000);
    assert_eq!((attempts.load(Relaxed), results.records()), (3, vec![7]));
}
