use std::time::Duration;

use crate::{prelude::*, testing::TestHarness};

const SECOND: Duration = Duration::from_secs(1);

/// What is wrong with windows, as a program is told that runs them.
fn problem<X>(build: impl FnOnce(&DataStream<(u32, f64)>) -> X) -> String {
    let env = StreamExecutionEnvironment::new();
    build(&env.from_collection([(7, 20.5)]));
    env.job_program("job").map(|_| String::new()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn windows_that_can_not_work_are_refused_with_the_operator_and_the_fix() {
    let zero = problem(|pairs| pairs.window_all(TumblingEventTimeWindows::of(Duration::ZERO)).count());
    assert_eq!(
        zero,
        "operator \"TumblingEventTimeWindows\": the size of TumblingEventTimeWindows must be at least 1 ms: it is 0 ms"
    );
    let slide = SlidingEventTimeWindows::of(SECOND, Duration::ZERO);
    assert!(problem(|pairs| pairs.window_all(slide).count()).contains("slide"));
    assert!(problem(|pairs| pairs.count_window_all(0).count()).contains("CountTrigger must be at least 1"));
    let sessions = EventTimeSessionWindows::with_gap(SECOND);
    let delta = DeltaTrigger::of(1.0, |old: &(u32, f64), new: &(u32, f64)| new.1 - old.1);
    assert!(problem(|pairs| pairs.window_all(sessions).trigger(delta).count()).contains("can merge"));
    let gaps = SlidingEventTimeWindows::of(SECOND, 10 * SECOND);
    assert_eq!(problem(|pairs| pairs.window_all(gaps).count()), "");
}

#[test]
fn late_records_go_where_they_are_sent() {
    let harness = TestHarness::new();
    let readings = harness.input::<(u32, u64)>();
    let late = OutputTag::new("late");
    let sums = readings
        .stream()
        .key_by(|(sensor, _)| *sensor)
        .window(TumblingEventTimeWindows::of(SECOND))
        .allowed_lateness(SECOND)
        .side_output_late_data(&late)
        .sum(|(_, value)| value);
    let (sums, late) = (harness.output(&sums), harness.output(&sums.side_output(&late)));

    readings.push_at((7, 1), 500);
    readings.watermark(999);
    assert_eq!(sums.records(), [(7, 1)]);
    readings.push_at((7, 2), 600);
    assert_eq!(sums.records(), [(7, 3)], "within the allowed lateness, at once");
    readings.watermark(1_999);
    readings.push_at((7, 4), 700);
    assert_eq!(sums.records(), []);
    assert_eq!(late.records(), [(7, 4)]);
}

#[test]
fn windows_of_a_whole_stream_need_no_key() {
    let harness = TestHarness::new();
    let numbers = harness.input::<u64>();
    let stream = numbers.stream();
    let windows = stream.window_all(SlidingEventTimeWindows::of(2 * SECOND, SECOND));
    let largest = harness.output(&windows.max_by(|n| *n));
    let lists = harness.output(&windows.apply(|numbers, context| {
        let end = context.window().end().as_millis();
        context.emit((end, numbers));
    }));
    let pairs = harness.output(&stream.count_window_all(2).reduce(|sum, n| *sum += n));

    for (number, time) in [(5, 1_500), (9, 500), (7, 1_600)] {
        numbers.push_at(number, time);
    }
    numbers.end();
    assert_eq!(largest.records(), [9, 9, 7]);
    assert_eq!(lists.records(), [(1_000, vec![9]), (2_000, vec![5, 9, 7]), (3_000, vec![5, 7])]);
    assert_eq!(pairs.records(), [14]);
}

#[test]
fn one_windowed_stream_can_be_asked_for_several_things() {
    let harness = TestHarness::new();
    let words = harness.input::<String>();
    let windows = words.stream().key_by(|word| word.len()).window(TumblingProcessingTimeWindows::of(SECOND));
    let counts = harness.output(&windows.count());
    let longest = harness.output(&windows.reduce_with(
        |all, word| all.push_str(&word),
        |all, context| {
            let key = *context.key();
            context.emit(format!("{key}:{all}"));
        },
    ));
    for word in ["to", "be", "not"] {
        words.push(word.to_owned());
    }
    harness.set_processing_time(1_000);
    let mut counts = counts.records();
    counts.sort_unstable();
    assert_eq!(counts, [(2, 2), (3, 1)]);
    let mut longest = longest.records();
    longest.sort_unstable();
    assert_eq!(longest, ["2:tobe", "3:not"]);
}
