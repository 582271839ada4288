use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::windowing::{GlobalWindow, TimeOffset};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn assigned<A: WindowAssigner<u64, Window = TimeWindow>>(assigner: &A, timestamp: i64) -> Vec<(i64, i64)> {
    at_processing_time(assigner, timestamp, Timestamp::MIN)
}

fn at_processing_time<A: WindowAssigner<u64, Window = TimeWindow>>(
    assigner: &A,
    timestamp: i64,
    now: Timestamp,
) -> Vec<(i64, i64)> {
    let mut windows = Vec::new();
    assigner.assign(&7, timestamp.into(), &AssignerContext::new(now), &mut windows).unwrap();
    windows.iter().map(|window| (window.start().as_millis(), window.end().as_millis())).collect()
}

#[test]
fn tumbling_windows_begin_at_multiples_of_their_size() {
    let assigner = TumblingEventTimeWindows::of(ms(5_000));
    assert_eq!(assigned(&assigner, 0), [(0, 5_000)]);
    assert_eq!(assigned(&assigner, 4_999), [(0, 5_000)]);
    assert_eq!(assigned(&assigner, 5_000), [(5_000, 10_000)]);
    assert_eq!(assigned(&assigner, -1), [(-5_000, 0)]);
    assert_eq!(assigned(&assigner, -5_000), [(-5_000, 0)]);
    assert_eq!(assigned(&assigner, -5_001), [(-10_000, -5_000)]);
}

#[test]
fn an_offset_shifts_the_windows() {
    let assigner = TumblingEventTimeWindows::of(ms(5_000)).offset(ms(100));
    assert_eq!(assigned(&assigner, 0), [(-4_900, 100)]);
    assert_eq!(assigned(&assigner, 5_099), [(100, 5_100)]);
    let assigner = TumblingEventTimeWindows::of(ms(5_000)).offset(TimeOffset::before(ms(100)));
    assert_eq!(assigned(&assigner, 0), [(-100, 4_900)]);
    assert_eq!(assigned(&assigner, 4_900), [(4_900, 9_900)]);
}

#[test]
fn windows_saturate_at_the_ends_of_time() {
    let assigner = TumblingEventTimeWindows::of(ms(1_000));
    let last = assigned(&assigner, i64::MAX)[0];
    assert_eq!(last, (i64::MAX - i64::MAX % 1_000, i64::MAX));
    let first = assigned(&assigner, i64::MIN + 1)[0];
    assert_eq!(first.0, i64::MIN);
    assert_eq!(first.1 % 1_000, 0);
    let session = EventTimeSessionWindows::with_gap(ms(10));
    assert_eq!(assigned(&session, i64::MAX - 3), [(i64::MAX - 3, i64::MAX)]);
}

#[test]
fn sliding_windows_overlap_the_latest_first() {
    let assigner = SlidingEventTimeWindows::of(ms(5_000), ms(1_000));
    assert_eq!(
        assigned(&assigner, 4_999),
        [(4_000, 9_000), (3_000, 8_000), (2_000, 7_000), (1_000, 6_000), (0, 5_000)]
    );
    let assigner = SlidingEventTimeWindows::of(ms(5_000), ms(3_000)).offset(ms(1_000));
    assert_eq!(assigned(&assigner, 0), [(-2_000, 3_000)]);
    assert_eq!(assigned(&assigner, 1_000), [(1_000, 6_000), (-2_000, 3_000)]);
}

#[test]
fn a_slide_larger_than_the_size_leaves_gaps() {
    let assigner = SlidingEventTimeWindows::of(ms(100), ms(1_000));
    assert_eq!(assigned(&assigner, 1_099), [(1_000, 1_100)]);
    assert_eq!(assigned(&assigner, 1_100), []);
}

#[test]
fn processing_time_windows_ignore_the_timestamp() {
    let now = Timestamp::from_millis(1_234);
    assert_eq!(at_processing_time(&TumblingProcessingTimeWindows::of(ms(100)), 7, now), [(1_200, 1_300)]);
    assert_eq!(
        at_processing_time(&SlidingProcessingTimeWindows::of(ms(100), ms(50)), 7, now),
        [(1_200, 1_300), (1_150, 1_250)]
    );
    assert_eq!(
        at_processing_time(&ProcessingTimeSessionWindows::with_gap(ms(100)), 7, now),
        [(1_234, 1_334)]
    );
}

#[test]
fn sessions_that_touch_become_one() {
    let assigner = EventTimeSessionWindows::with_gap(ms(10));
    let window = |start: i64, end: i64| TimeWindow::new(start.into(), end.into());
    let merged = |one, other| WindowAssigner::<u64>::merged(&assigner, &one, &other);
    assert_eq!(merged(window(0, 10), window(10, 20)), Some(window(0, 20)));
    assert_eq!(merged(window(0, 10), window(3, 5)), Some(window(0, 10)));
    assert_eq!(merged(window(11, 21), window(0, 10)), None);
}

#[test]
fn a_dynamic_gap_depends_on_the_record() {
    let assigner = EventTimeSessionWindows::with_dynamic_gap(|record: &u64| ms(record * 10));
    assert_eq!(assigned(&assigner, 5), [(5, 75)]);
    let context = AssignerContext::new(Timestamp::MIN);
    let error = assigner.assign(&0, 5.into(), &context, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("must be at least 1 ms"), "{error}");
}

#[test]
fn a_global_window_takes_everything() {
    let mut windows = Vec::new();
    let context = AssignerContext::new(Timestamp::MIN);
    GlobalWindows::create().assign(&7u64, Timestamp::MIN, &context, &mut windows).unwrap();
    assert_eq!(windows, [GlobalWindow]);
}

#[test]
fn wrong_settings_are_told_with_the_fix() {
    fn problem(assigner: impl WindowAssigner<u64>) -> String {
        assigner.problem().unwrap_or_default()
    }
    assert_eq!(
        problem(TumblingEventTimeWindows::of(Duration::ZERO)),
        "the size of TumblingEventTimeWindows must be at least 1 ms: it is 0 ms"
    );
    assert!(problem(SlidingEventTimeWindows::of(ms(10), Duration::from_micros(999))).contains("slide"));
    assert!(problem(EventTimeSessionWindows::with_gap(ms(0))).contains("gap"));
    assert!(problem(TumblingProcessingTimeWindows::of(ms(10)).offset(ms(10))).contains("remainder"));
    assert!(problem(SlidingEventTimeWindows::of(Duration::MAX, ms(1))).contains("larger slide"));
    assert_eq!(problem(SlidingProcessingTimeWindows::of(ms(10), ms(1_000))), "");
    assert_eq!(problem(TumblingEventTimeWindows::of(Duration::MAX)), "");
}

#[test]
fn operators_are_named_after_their_windows() {
    fn name(assigner: impl WindowAssigner<u64>) -> &'static str {
        assigner.name()
    }
    assert_eq!(name(GlobalWindows::create()), "GlobalWindows");
    assert_eq!(name(EventTimeSessionWindows::with_gap(ms(1))), "EventTimeSessionWindows");
}

proptest! {
    #[test]
    fn each_window_contains_the_record_and_none_is_missing(
        timestamp: i64,
        size in 1i64..10_000,
        slide in 1i64..3_000,
        shift: i64,
    ) {
        let offset = shift % slide;
        let assigner = SlidingEventTimeWindows::of(ms(size as u64), ms(slide as u64))
            .offset(TimeOffset::from_millis(offset));
        let windows = assigned(&assigner, timestamp);
        for &(start, end) in &windows {
            prop_assert!(start <= timestamp && (timestamp < end || end == i64::MAX));
            if start > i64::MIN {
                prop_assert_eq!((i128::from(start) - i128::from(offset)).rem_euclid(i128::from(slide)), 0);
            }
        }
        let since = (i128::from(timestamp) - i128::from(offset)).rem_euclid(i128::from(slide));
        let expected = (i128::from(size) - since + i128::from(slide) - 1).div_euclid(i128::from(slide)).max(0);
        prop_assert_eq!(windows.len() as i128, expected);
    }
}
