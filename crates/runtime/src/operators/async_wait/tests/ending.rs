use super::*;

const END: Mark = Mark::Watermark(Timestamp::MAX);

#[test]
fn the_end_of_the_input_waits_for_all_requests() {
    let mut bench = Bench::new(OutputOrder::Unordered, options());
    bench.emit([(1, 10), (2, 20)]);
    bench.mark(END);
    assert!(bench.is_held(), "or the end would come");
    bench.answer(2, [2]);
    assert!(bench.is_held());
    bench.answer(1, [1]);
    assert!(!bench.is_held());
    assert_eq!(bench.seen(), [Seen::Record(2, 20), Seen::Record(1, 10), Seen::Mark(END)]);
    bench.operator.end().unwrap();
    assert_eq!(bench.seen(), [Seen::End]);
    assert_eq!(*bench.function.closed.lock().unwrap(), 1);
}

#[test]
fn what_comes_with_the_end_itself_is_waited_for_too() {
    let mut bench = Bench::new(OutputOrder::Ordered, options().capacity(1));
    bench.mark(END);
    assert!(!bench.is_held());
    bench.emit([(1, 10), (2, 20)]);
    bench.operator.end().unwrap();
    assert!(bench.is_held());
    bench.answer(1, [1]);
    assert!(bench.is_held() && *bench.function.closed.lock().unwrap() == 0);
    bench.answer(2, [2]);
    assert!(!bench.is_held());
    let expected = [Seen::Mark(END), Seen::Record(1, 10), Seen::Record(2, 20), Seen::End];
    assert_eq!(bench.seen(), expected);
    assert_eq!(*bench.function.closed.lock().unwrap(), 1);
}

#[test]
fn at_the_end_what_waits_is_tried_once_more_and_at_once() {
    let strategy = RetryStrategy::fixed_delay(9, seconds(1)).if_empty();
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(60)).retry(strategy));
    bench.emit([(1, 10), (2, 20)]);
    bench.answer(1, []);
    assert_eq!(bench.asked(), [2]);
    bench.mark(END);
    assert_eq!(bench.asked(), [2, 1]);
    bench.answer(1, [1]);
    bench.answer(2, []);
    assert_eq!(bench.seen(), [Seen::Record(1, 10), Seen::Mark(END)]);
    assert!(!bench.is_held());
}

#[test]
fn no_time_to_come_does_not_time_out_what_is_under_way() {
    let mut bench = Bench::new(OutputOrder::Ordered, AsyncOptions::new(seconds(5)));
    bench.emit([(1, 10)]);
    assert!(bench.clock.take_any());
    bench.operator.on_processing_time(Timestamp::MAX).unwrap();
    assert!(!bench.clock.take_any(), "or the end would ask for ever");
    bench.operator.end().unwrap();
    bench.answer(1, [1]);
    assert_eq!(bench.seen(), [Seen::Record(1, 10), Seen::End]);
}

/// A subtask that is held back does not ask its clock what is due.
#[test]
fn a_subtask_that_is_held_back_is_woken_for_timeouts() {
    let mut bench =
        Bench::with_fallback(OutputOrder::Ordered, AsyncOptions::new(Duration::from_millis(5)), 99);
    bench.emit([(1, 10)]);
    bench.mark(END);
    bench.runtime.block_on(bench.signals.wake.notified());
    bench.clock.set(at(5));
    bench.settle().unwrap();
    assert_eq!(bench.seen(), [Seen::Record(99, 10), Seen::Mark(END)]);
    assert!(!bench.is_held());
}
