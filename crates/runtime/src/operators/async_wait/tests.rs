mod bench;
mod ending;
mod failing;
mod retrying;

use std::time::Duration;

use flott_core::time::Timestamp;
use tokio::runtime::Builder;

use self::bench::{Bench, Seen};
use super::*;
use crate::{
    functions::AsyncClosure,
    testing::{Collected, operator},
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn watermark(millis: i64) -> Mark {
    Mark::Watermark(at(millis))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Requests for ever.
fn options<U: 'static>() -> AsyncOptions<U> {
    AsyncOptions::new(Duration::ZERO)
}

#[test]
fn ordered_results_go_on_in_the_order_of_their_records() {
    let mut bench = Bench::new(OutputOrder::Ordered, options());
    bench.emit([(1, 10), (2, 20), (3, 15)]);
    bench.answer(2, [20, 21]);
    bench.answer(3, []);
    assert_eq!(bench.seen(), []);
    bench.answer(1, [10]);
    assert_eq!(bench.seen(), [Seen::Record(10, 10), Seen::Record(20, 20), Seen::Record(21, 20)]);
    assert!(!bench.is_held());
}

#[test]
fn unordered_results_go_on_as_they_come() {
    let mut bench = Bench::new(OutputOrder::Unordered, options());
    bench.emit([(1, 10), (2, 20), (3, 15)]);
    for n in [3, 1, 2] {
        bench.answer(n, [n]);
    }
    assert_eq!(bench.seen(), [Seen::Record(3, 15), Seen::Record(1, 10), Seen::Record(2, 20)]);
}

#[test]
fn marks_neither_pass_records_nor_are_passed() {
    let mut bench = Bench::new(OutputOrder::Unordered, options());
    bench.mark(watermark(5));
    assert_eq!(bench.seen(), [Seen::Mark(watermark(5))]);
    bench.emit([(1, 10), (2, 10)]);
    bench.mark(watermark(10));
    bench.mark(Mark::Idle);
    bench.mark(Mark::Active);
    bench.emit([(3, 30)]);
    bench.answer(3, [3]);
    bench.answer(2, [2]);
    assert_eq!(bench.seen(), [Seen::Record(2, 10)]);
    bench.answer(1, [1]);
    let marks = [watermark(10), Mark::Idle, Mark::Active].map(Seen::Mark);
    let expected: Vec<_> =
        [Seen::Record(1, 10)].into_iter().chain(marks).chain([Seen::Record(3, 30)]).collect();
    assert_eq!(bench.seen(), expected);
}

#[test]
fn records_without_timestamps_give_results_without() {
    let mut bench = Bench::new(OutputOrder::Ordered, options());
    bench.operator.emit(&mut vec![1].into()).unwrap();
    bench.answer(1, [1]);
    let batches = bench.out.events().into_iter().filter_map(|event| match event {
        crate::testing::Event::Batch(batch) => Some(batch),
        _ => None,
    });
    assert_eq!(batches.collect::<Vec<_>>(), [Batch::from(vec![1])]);
}

#[test]
fn what_is_beyond_the_capacity_waits_and_holds_the_subtask() {
    let mut bench = Bench::new(OutputOrder::Ordered, options().capacity(2));
    bench.emit([(1, 0), (2, 0)]);
    assert!(!bench.is_held());
    bench.emit([(3, 0), (4, 0)]);
    assert_eq!(bench.asked(), [1, 2]);
    assert!(bench.is_held());
    // It is answered, but still waits for the one before it.
    bench.answer(2, [2]);
    assert_eq!(bench.asked(), [1]);
    bench.answer(1, [1]);
    assert_eq!(bench.asked(), [3, 4]);
    assert!(!bench.is_held(), "all has begun");
    assert_eq!(bench.seen(), [Seen::Record(1, 0), Seen::Record(2, 0)]);

    let mut bench = Bench::new(OutputOrder::Unordered, options().capacity(2));
    bench.emit([(1, 0), (2, 0), (3, 0)]);
    bench.answer(2, [2]);
    assert_eq!(bench.asked(), [1, 3]);
    bench.mark(watermark(0));
    assert!(bench.is_held(), "marks count, too");
    bench.answer(3, []);
    assert!(!bench.is_held());
}

#[test]
fn what_is_not_answered_in_time_times_out() {
    let mut bench = Bench::with_fallback(OutputOrder::Ordered, AsyncOptions::new(seconds(5)), 99);
    bench.emit([(1, 10), (2, 20)]);
    bench.set_time(4_999);
    bench.answer(2, [2]);
    assert_eq!(bench.seen(), []);
    bench.emit([(3, 30)]);
    bench.set_time(5_000);
    assert_eq!(bench.seen(), [Seen::Record(99, 10), Seen::Record(2, 20)]);
    assert!(!bench.try_answer(1), "its future was dropped");
    bench.answer(3, [3]);
    assert_eq!(bench.seen(), [Seen::Record(3, 30)]);
    assert_eq!(bench.under_way(), 0);
    bench.set_time(100_000);
    assert_eq!(bench.seen(), []);
}

#[test]
fn an_answer_that_came_before_the_timeout_was_seen_counts() {
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(5)));
    bench.emit([(1, 0)]);
    bench.clock.set(at(6_000));
    bench.answer(1, [1]);
    assert_eq!(bench.seen(), [Seen::Record(1, 0)]);
}

#[test]
fn closures_give_anything_that_can_be_iterated_over() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _within = runtime.enter();
    let out = Collected::default();
    let function = AsyncClosure::new(|n: u64| async move { Ok((n % 2 == 1).then(|| n.to_string())) });
    let next = Box::new(out.clone());
    let mut wait = AsyncWait::new(operator("odd"), OutputOrder::Ordered, options(), function, next).unwrap();
    wait.emit(&mut vec![1, 2, 3].into()).unwrap();
    runtime.block_on(tokio::task::yield_now());
    wait.flush(Flush::All).unwrap();
    assert_eq!(out.records(), ["1", "3"]);
}

#[test]
fn impossible_options_are_named() {
    let problem = |options: AsyncOptions<u64>| options.check().unwrap_err();
    assert!(problem(options().capacity(0)).contains("capacity of 0"));
    let retry = RetryStrategy::fixed_delay(1, seconds(1));
    assert!(problem(options().retry(retry)).contains("needs a timeout"));
    let retry = RetryStrategy::fixed_delay(0, seconds(1));
    assert!(problem(AsyncOptions::new(seconds(1)).retry(retry)).contains("at least one retry"));
}

#[test]
fn very_many_requests_that_need_not_wait_are_answered_in_order() {
    const RECORDS: u64 = 20_000;
    let runtime = Builder::new_current_thread().build().unwrap();
    let _within = runtime.enter();
    let (out, context) = (Collected::default(), operator("plus one"));
    let signals = context.task.signals.clone();
    let function = AsyncClosure::new(|n: u64| async move { Ok([n + 1]) });
    let next = Box::new(out.clone());
    let mut wait = AsyncWait::new(context, OutputOrder::Ordered, options(), function, next).unwrap();
    for first in (0..RECORDS).step_by(1_000) {
        wait.emit(&mut (first..first + 1_000).collect()).unwrap();
        while signals.is_held_back() {
            runtime.block_on(signals.wake.notified());
            wait.flush(Flush::Held).unwrap();
        }
    }
    wait.mark(Mark::Watermark(Timestamp::MAX)).unwrap();
    while signals.is_held_back() {
        runtime.block_on(signals.wake.notified());
        wait.flush(Flush::Held).unwrap();
    }
    wait.end().unwrap();
    assert_eq!(out.records(), (1..=RECORDS).collect::<Vec<_>>());
}
