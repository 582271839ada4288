//! Most of these are cases of Flink's `WindowOperatorTest`.

mod functions;
mod sessions;
mod triggers;

use std::time::Duration;

use super::*;
use crate::{
    TaskEnd,
    windowing::{
        EmitKeyAndValue, EmitValue, EventTimeTrigger, Kept, Reduced, SlidingEventTimeWindows,
        SlidingProcessingTimeWindows, TumblingEventTimeWindows, TumblingProcessingTimeWindows,
        testing::{Harness, Pair, by_key, lateness},
    },
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Add = fn(&mut Pair, Pair);

/// Adds up the values.
fn sum() -> Kept<Reduced<Add>> {
    Kept(Reduced(|total, pair| total.1 += pair.1))
}

/// Sums in windows.
fn sums<A>(assigner: A, settings: WindowSettings<Pair>) -> Harness<Pair>
where
    A: WindowAssigner<Pair>,
{
    let trigger = assigner.default_trigger();
    sums_with(assigner, trigger, settings)
}

fn sums_with<A, G>(assigner: A, trigger: G, settings: WindowSettings<Pair>) -> Harness<Pair>
where
    A: WindowAssigner<Pair>,
    G: Trigger<Pair, A::Window>,
{
    Harness::new(|context, next| {
        WindowOperator::new(context, by_key(), assigner, trigger, sum(), EmitValue, settings, next)
    })
}

#[test]
fn sliding_event_time_windows() {
    let mut windows = sums(SlidingEventTimeWindows::of(ms(3_000), ms(1_000)), lateness(0));
    windows.records([(2, 1, 3_999), (2, 1, 3_000)]);
    windows.records([(1, 1, 20), (1, 1, 0), (1, 1, 999)]);
    windows.records([(2, 1, 1_998), (2, 1, 1_999), (2, 1, 1_000)]);
    let mut expected = [
        (999, vec![((1, 3), 999)]),
        (1_999, vec![((1, 3), 1_999), ((2, 3), 1_999)]),
        (2_999, vec![((1, 3), 2_999), ((2, 3), 2_999)]),
        (3_999, vec![((2, 5), 3_999)]),
        (4_999, vec![((2, 2), 4_999)]),
        (5_999, vec![((2, 2), 5_999)]),
        (6_999, vec![]),
    ]
    .into_iter();
    for (watermark, results) in expected.by_ref() {
        windows.watermark(watermark);
        assert_eq!(windows.take(), results, "at watermark {watermark}");
    }
}

#[test]
fn tumbling_event_time_windows() {
    let mut windows = sums(TumblingEventTimeWindows::of(ms(3_000)), lateness(0));
    windows.records([(2, 1, 3_999), (2, 1, 3_000)]);
    windows.records([(1, 1, 20), (1, 1, 0), (1, 1, 999)]);
    windows.records([(2, 1, 1_998), (2, 1, 1_999), (2, 1, 1_000)]);
    for watermark in [999, 1_999] {
        windows.watermark(watermark);
        assert_eq!(windows.take(), []);
    }
    windows.watermark(2_999);
    assert_eq!(windows.take(), [((1, 3), 2_999), ((2, 3), 2_999)]);
    windows.watermark(5_999);
    assert_eq!(windows.take(), [((2, 2), 5_999)]);
    windows.watermark(7_999);
    assert_eq!(windows.take(), []);
}

#[test]
fn windows_fire_in_order_whatever_the_watermark_jumps_over() {
    let mut windows = sums(SlidingEventTimeWindows::of(ms(20), ms(10)), lateness(0));
    windows.records([(1, 1, 35), (1, 1, 5), (1, 1, -5)]);
    windows.watermark(i64::MAX);
    let times: Vec<_> = windows.take().into_iter().map(|((_, sum), time)| (sum, time)).collect();
    assert_eq!(times, [(1, -1), (2, 9), (1, 19), (1, 39), (1, 49)]);
}

#[test]
fn tumbling_processing_time_windows() {
    let mut windows = sums(TumblingProcessingTimeWindows::of(ms(3_000)), lateness(0));
    windows.time(3);
    windows.records([(2, 1, i64::MAX), (2, 1, 7_000), (2, 1, 7_000), (1, 1, 7_000), (1, 1, 7_000)]);
    windows.time(5_000);
    assert_eq!(windows.take(), [((1, 2), 2_999), ((2, 3), 2_999)]);
    windows.records([(1, 1, 7_000), (1, 1, 7_000), (1, 1, 7_000)]);
    windows.time(7_000);
    assert_eq!(windows.take(), [((1, 3), 5_999)]);
}

#[test]
fn sliding_processing_time_windows() {
    let mut windows = sums(SlidingProcessingTimeWindows::of(ms(3_000), ms(1_000)), lateness(0));
    windows.time(3);
    windows.record((2, 1), i64::MAX);
    windows.time(1_000);
    assert_eq!(windows.take(), [((2, 1), 999)]);
    windows.records([(2, 1, i64::MAX), (2, 1, i64::MAX)]);
    windows.time(2_000);
    assert_eq!(windows.take(), [((2, 3), 1_999)]);
    windows.records([(1, 1, i64::MAX), (1, 1, i64::MAX)]);
    windows.time(3_000);
    assert_eq!(windows.take(), [((1, 2), 2_999), ((2, 3), 2_999)]);
    windows.records([(1, 1, i64::MAX); 3]);
    windows.time(7_000);
    let expected = [((1, 5), 3_999), ((2, 2), 3_999), ((1, 5), 4_999), ((1, 3), 5_999)];
    assert_eq!(windows.take(), expected);
}

#[test]
fn late_records_fire_again_until_the_lateness_is_over() {
    let mut windows = sums(TumblingEventTimeWindows::of(ms(2_000)), lateness(500));
    windows.record((2, 1), 500);
    windows.watermark(1_500);
    windows.record((2, 1), 1_300);
    windows.watermark(2_300);
    assert_eq!(windows.take(), [((2, 2), 1_999)]);
    windows.record((2, 1), 1_997);
    assert_eq!(windows.take(), [((2, 3), 1_999)]);
    windows.watermark(2_499);
    windows.record((2, 1), 1_998);
    assert_eq!(windows.take(), []);
    assert_eq!(windows.late(), [(2, 1)]);
    windows.watermark(6_000);
    assert_eq!(windows.take(), []);
}

#[test]
fn a_record_that_one_of_its_windows_takes_is_not_late() {
    let mut windows = sums(SlidingEventTimeWindows::of(ms(3_000), ms(1_000)), lateness(0));
    windows.record((2, 1), 1_000);
    windows.watermark(1_999);
    windows.record((2, 1), 1_000);
    windows.record((1, 7), -1);
    assert_eq!(windows.take(), [((2, 1), 1_999)]);
    assert_eq!(windows.late(), [(1, 7)]);
    windows.watermark(2_999);
    assert_eq!(windows.take(), [((2, 2), 2_999)]);
}

#[test]
fn dropped_records_are_counted() {
    let settings = WindowSettings::default();
    let mut windows = sums(TumblingEventTimeWindows::of(ms(1_000)), settings);
    windows.watermark(999);
    windows.records([(1, 1, 0), (1, 1, 999), (1, 1, 1_000)]);
    assert_eq!(windows.context.metrics().counter("numLateRecordsDropped").get(), 2);
    windows.watermark(i64::MAX);
    assert_eq!(windows.take(), [((1, 1), 1_999)]);
}

#[test]
fn a_record_between_windows_is_not_late() {
    let mut windows = sums(SlidingEventTimeWindows::of(ms(100), ms(1_000)), lateness(0));
    windows.watermark(50);
    windows.record((1, 1), 500);
    windows.watermark(1_000);
    windows.record((1, 2), 500);
    assert_eq!(windows.late(), [(1, 2)], "only what is before the watermark");
    windows.end();
    assert_eq!(windows.take(), []);
}

#[test]
fn cleanup_saturates_at_the_end_of_time() {
    let mut windows = sums(TumblingEventTimeWindows::of(ms(1_000)), lateness(i64::MAX));
    windows.record((1, 1), i64::MAX - 1_500);
    windows.watermark(i64::MAX - 200);
    windows.record((1, 1), i64::MAX - 1_500);
    windows.record((1, 1), i64::MAX);
    windows.end();
    let sums: Vec<_> = windows.take().into_iter().map(|((_, sum), _)| sum).collect();
    assert_eq!(sums, [1, 2, 1]);
    assert_eq!(windows.late(), []);
}

#[test]
fn a_record_without_timestamp_is_an_error_with_the_fix() {
    let mut windows = sums(TumblingEventTimeWindows::of(ms(1_000)), lateness(0));
    let Err(TaskEnd::Failed(cause)) = windows.try_record((1, 1), i64::MIN) else { panic!("it must fail") };
    assert_eq!(cause.operator.as_deref(), Some("windows"));
    assert!(cause.message.contains("assign_timestamps_and_watermarks"), "{}", cause.message);
}

#[test]
fn nothing_is_kept_of_windows_that_are_over() {
    let context = crate::testing::operator("windows");
    let next = Downstream::new(Box::new(crate::testing::Collected::<Pair>::default()), Default::default());
    let assigner = SlidingEventTimeWindows::of(ms(100), ms(10));
    let mut operator = WindowOperator::new(
        context,
        by_key(),
        assigner,
        EventTimeTrigger::create(),
        sum(),
        EmitValue,
        lateness(30),
        next,
    )
    .unwrap();
    for time in 0..1_000i64 {
        let mut batch = Batch::new();
        batch.push(((time % 50) as u8, 1), time.into());
        operator.emit(&mut batch).unwrap();
        operator.mark(Mark::Watermark((time - 20).into())).unwrap();
    }
    assert!(operator.windows.len() <= 50);
    operator.mark(Mark::Watermark(2_000.into())).unwrap();
    assert!(operator.windows.is_empty());
    assert!(operator.engine.has_no_timers());
}

#[test]
fn the_key_comes_with_the_value_if_it_is_asked_for() {
    let mut windows = Harness::new(|context, next| {
        let assigner = TumblingEventTimeWindows::of(ms(10));
        let (trigger, store) = (EventTimeTrigger::create(), Kept(crate::windowing::Counted));
        WindowOperator::new(context, by_key(), assigner, trigger, store, EmitKeyAndValue, lateness(0), next)
    });
    windows.records([(7, 1, 1), (7, 1, 2), (8, 1, 3)]);
    windows.end();
    assert_eq!(windows.take(), [((7, 2), 9), ((8, 1), 9)]);
}
