use super::*;

fn twice() -> AsyncOptions<u64> {
    AsyncOptions::new(seconds(60)).retry(RetryStrategy::fixed_delay(2, seconds(1)))
}

#[test]
fn what_has_failed_is_tried_again_after_the_delay() {
    let mut bench = Bench::new(OutputOrder::Ordered, twice());
    bench.emit([(1, 10)]);
    bench.refuse(1, "busy").unwrap();
    assert_eq!((bench.asked(), bench.under_way()), (vec![], 0));
    bench.set_time(999);
    assert!(bench.asked().is_empty());
    bench.set_time(1_000);
    assert_eq!(bench.asked(), [1]);
    bench.answer(1, [7]);
    assert_eq!(bench.seen(), [Seen::Record(7, 10)]);
}

#[test]
fn the_last_failure_fails_the_job() {
    let mut bench = Bench::new(OutputOrder::Ordered, twice());
    bench.emit([(1, 10)]);
    for time in [1_000, 2_000] {
        bench.refuse(1, "busy").unwrap();
        bench.set_time(time);
    }
    let Err(TaskEnd::Failed(cause)) = bench.refuse(1, "still busy") else { panic!("it must fail") };
    assert_eq!((cause.message.as_str(), cause.operator.as_deref()), ("still busy", Some("ask")));
    assert_eq!(cause.context, ["at the last of 3 attempts"]);
}

#[test]
fn no_result_is_tried_again_if_asked_for_and_taken_at_the_last() {
    let strategy = RetryStrategy::fixed_delay(1, seconds(1)).if_empty();
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(60)).retry(strategy));
    bench.emit([(1, 10), (2, 20)]);
    bench.answer(1, []);
    bench.answer(2, [2]);
    assert_eq!(bench.seen(), []);
    bench.set_time(1_000);
    bench.answer(1, []);
    assert_eq!(bench.seen(), [Seen::Record(2, 20)]);
}

#[test]
fn errors_that_are_not_chosen_fail_at_once() {
    let strategy = RetryStrategy::fixed_delay(1, seconds(1)).if_error(|error| error.to_string() == "busy");
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(60)).retry(strategy));
    bench.emit([(1, 10), (2, 20)]);
    bench.refuse(1, "busy").unwrap();
    let Err(TaskEnd::Failed(cause)) = bench.refuse(2, "wrong") else { panic!("it must fail") };
    assert_eq!((cause.message.as_str(), cause.context.len()), ("wrong", 0));
}

#[test]
fn the_timeout_covers_all_attempts() {
    let strategy = RetryStrategy::fixed_delay(9, seconds(2));
    let mut bench =
        Bench::with_fallback(OutputOrder::Ordered, AsyncOptions::new(seconds(5)).retry(strategy), 99);
    bench.emit([(1, 10)]);
    bench.refuse(1, "busy").unwrap();
    bench.set_time(2_000);
    bench.refuse(1, "busy").unwrap();
    bench.set_time(4_000);
    bench.refuse(1, "busy").unwrap();
    bench.set_time(5_000);
    assert_eq!(bench.seen(), [Seen::Record(99, 10)]);
    bench.set_time(6_000);
    assert!(bench.asked().is_empty());
}

#[test]
fn what_waits_to_be_tried_again_keeps_its_place() {
    let mut bench = Bench::new(OutputOrder::Unordered, twice().capacity(1));
    bench.emit([(1, 10), (2, 20)]);
    bench.refuse(1, "busy").unwrap();
    assert!(bench.is_held() && bench.asked().is_empty(), "it keeps its place");
    bench.set_time(1_000);
    bench.answer(1, [1]);
    assert_eq!(bench.asked(), [2]);
}
