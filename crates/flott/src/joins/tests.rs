use std::{collections::BTreeMap, time::Duration};

use crate::{mix, prelude::*, testing::TestHarness, windowing::TimeOffset};

/// Key, number and time.
type Record = (u64, u64, i64);

/// Records that look random, in disorder; watermarks are as far behind.
fn records(seed: u64) -> Vec<Record> {
    (0..200)
        .map(|number| {
            let random = mix(seed << 32 | number);
            (random % 5, number, number as i64 + (random >> 32) as i64 % 20)
        })
        .collect()
}

/// Feeds both inputs in turn, and ends them.
fn feed(
    mode: RuntimeMode,
    join: impl Fn(&DataStream<Record>, &DataStream<Record>) -> DataStream<(u64, u64)>,
) -> Vec<(u64, u64)> {
    let harness = TestHarness::new();
    harness.env().set_runtime_mode(mode).set_parallelism(3);
    let (left, right) = (harness.input::<Record>(), harness.input::<Record>());
    let pairs = harness.output(&join(left.stream(), right.stream()));
    for (one, other) in records(1).into_iter().zip(records(2)) {
        left.push_at(one, one.2);
        right.push_at(other, other.2);
        if one.1 % 10 == 0 && mode == RuntimeMode::Streaming {
            left.watermark(one.1 as i64 - 1);
            right.watermark(one.1 as i64 - 1);
        }
    }
    left.end();
    right.end();
    let mut pairs = pairs.records();
    pairs.sort_unstable();
    pairs
}

fn nested_loops(matches: impl Fn(&Record, &Record) -> bool) -> Vec<(u64, u64)> {
    let (lefts, rights) = (records(1), records(2));
    let all = lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right)));
    let mut pairs: Vec<_> = all
        .filter(|(left, right)| left.0 == right.0 && matches(left, right))
        .map(|(l, r)| (l.1, r.1))
        .collect();
    pairs.sort_unstable();
    assert!(pairs.len() > 100, "the data must be such that there is something to find");
    pairs
}

#[test]
fn an_interval_join_over_several_subtasks_finds_all_pairs() {
    for mode in [RuntimeMode::Streaming, RuntimeMode::Batch] {
        let pairs = feed(mode, |left, right| {
            let (left, right) = (left.key_by(|record| record.0), right.key_by(|record| record.0));
            let bounds = (TimeOffset::from_millis(-7), Duration::from_millis(12));
            let join = left.interval_join(&right).between(bounds.0, bounds.1).upper_bound_exclusive();
            (*join.apply(|left, right| (left.1, right.1))).clone()
        });
        assert_eq!(pairs, nested_loops(|left, right| (left.2 - 7..left.2 + 12).contains(&right.2)));
    }
}

#[test]
fn a_window_join_finds_all_pairs_of_a_window() {
    for mode in [RuntimeMode::Streaming, RuntimeMode::Batch] {
        let pairs = feed(mode, |left, right| {
            let join = left.join(right).where_key(|record| record.0).equal_to(|record| record.0);
            let windows = join.window(TumblingEventTimeWindows::of(Duration::from_millis(16)));
            (*windows.apply(|left, right| (left.1, right.1))).clone()
        });
        assert_eq!(pairs, nested_loops(|left, right| left.2 / 16 == right.2 / 16));
    }
}

#[test]
fn a_co_group_gets_the_records_of_both_even_if_one_has_none() {
    let harness = TestHarness::new();
    let (left, right) = (harness.input::<Record>(), harness.input::<Record>());
    let groups = left
        .stream()
        .co_group(right.stream())
        .where_key_ref(|record| &record.0)
        .equal_to_ref(|record| &record.0)
        .window(TumblingEventTimeWindows::of(Duration::from_millis(10)))
        .apply(|lefts, rights, context| {
            let numbers =
                |records: Vec<Record>| records.into_iter().map(|record| record.1).collect::<Vec<_>>();
            let start = context.window().start().as_millis();
            context.emit(((*context.key(), start), (numbers(lefts), numbers(rights))));
        });
    let groups = harness.output(&groups);
    for (key, number, time) in [(1, 10, 3), (1, 11, 1), (2, 12, 5), (1, 13, 15)] {
        left.push_at((key, number, time), time);
    }
    for (key, number, time) in [(1, 20, 9), (3, 21, 0)] {
        right.push_at((key, number, time), time);
    }
    left.end();
    right.end();
    let groups: BTreeMap<_, _> = groups.records().into_iter().collect();
    let expected = [
        ((1, 0), (vec![10, 11], vec![20])),
        ((1, 10), (vec![13], vec![])),
        ((2, 0), (vec![12], vec![])),
        ((3, 0), (vec![], vec![21])),
    ];
    assert_eq!(groups, BTreeMap::from(expected));
}

#[test]
fn a_join_of_few_subtasks_is_tagged_where_its_records_come_from() {
    let harness = TestHarness::new();
    harness.env().set_parallelism(4);
    let (left, right) = (harness.input::<Record>(), harness.input::<Record>());
    let join = left.stream().join(right.stream()).where_key(|record| record.0).equal_to(|record| record.0);
    join.window(GlobalWindows::create()).apply(|left, right| (left.1, right.1)).name("join");
    let program = harness.env().job_program("test").unwrap();
    let names: Vec<_> =
        program.graph.vertices.iter().map(|vertex| (vertex.name.as_str(), vertex.parallelism)).collect();
    assert_eq!(names, [("Source: test input -> Map", 1), ("Source: test input -> Map", 1), ("join", 4)]);
}

#[test]
fn bounds_the_wrong_way_round_are_refused() {
    let env = StreamExecutionEnvironment::new();
    let [left, right] = [1u64, 2].map(|key| env.from_collection([key]).key_by(|key| *key));
    let join = left.interval_join(&right).between(Duration::from_millis(5), TimeOffset::from_millis(-5));
    join.apply(|left, _| *left).print();
    let error = env.job_program("test").err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot join between 5 ms and -5 ms: the lower bound must not exceed the upper one"
    );
}

#[test]
fn streams_of_two_environments_are_refused() {
    let [left, right] = [1u64, 2].map(|number| {
        let env = StreamExecutionEnvironment::new();
        let stream = (*env.from_collection([number])).clone();
        (env, stream)
    });
    left.1.connect(&right.1).map(|number| number, |number| number).print();
    for env in [left.0, right.0] {
        let error = env.job_program("test").err().unwrap();
        assert!(error.to_string().contains("\"Co-Map\" of streams of two environments"), "{error}");
    }
}

#[test]
fn a_stream_can_be_joined_with_itself() {
    let harness = TestHarness::new();
    let numbers = harness.input::<u64>();
    let by_parity = numbers.stream().key_by(|number| number % 2);
    let join = by_parity.interval_join(&by_parity).between(TimeOffset::ZERO, Duration::from_millis(2));
    let pairs = harness.output(&join.lower_bound_exclusive().apply(|left, right| (*left, *right)));
    for number in 0..6 {
        numbers.push_at(number, number as i64);
    }
    assert_eq!(pairs.records(), [(0, 2), (1, 3), (2, 4), (3, 5)]);
}
