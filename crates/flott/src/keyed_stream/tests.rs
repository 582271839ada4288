use std::collections::{BTreeMap, BTreeSet};

use flott_core::FailureKind;

use crate::{prelude::*, testing::TestHarness};

/// Says which subtask has got a record.
#[derive(Clone)]
struct Where;

impl RichMapFunction<u64> for Where {
    type Out = (u64, u32);

    fn map(&mut self, record: u64, ctx: &mut RichContext<'_>) -> Result<(u64, u32), BoxError> {
        Ok((record, ctx.runtime().subtask_index()))
    }
}

#[test]
fn a_keyed_stream_is_a_stream_that_keeps_the_records_of_a_key_together() {
    let harness = TestHarness::new();
    let input = harness.input::<u64>();
    let keyed = input.stream().key_by(|n| n % 10);
    let output = harness.output(&DataStream::rich_map(&keyed, Where).set_parallelism(2));
    let small = harness.output(&keyed.clone().filter(|n| *n < 2));
    (0..100).for_each(|n| input.push(n));
    let mut subtasks = BTreeMap::<u64, BTreeSet<u32>>::new();
    for (n, subtask) in output.records() {
        subtasks.entry(n % 10).or_default().insert(subtask);
    }
    assert_eq!(subtasks.len(), 10);
    assert!(subtasks.values().all(|subtasks| subtasks.len() == 1), "{subtasks:?}");
    let used: BTreeSet<_> = subtasks.into_values().flatten().collect();
    assert_eq!(used, BTreeSet::from([0, 1]));
    assert_eq!(small.records(), [0, 1]);
}

#[test]
fn rolling_aggregates_tell_each_new_value() {
    let harness = TestHarness::new();
    let input = harness.input::<(char, i64, u32)>();
    let keyed = input.stream().key_by(|(key, ..)| *key);
    let least = harness.output(&keyed.min_by(|(_, value, _)| *value));
    let most = harness.output(&keyed.max_by(|(_, value, _)| *value));
    let folded = harness.output(&keyed.fold(0, |sum, (_, value, _)| *sum += value));
    let records = [('a', 5, 1), ('b', 9, 2), ('a', 5, 3), ('a', 2, 4), ('a', 7, 5), ('a', 2, 6)];
    records.into_iter().for_each(|record| input.push(record));
    let ids = |records: Vec<(char, i64, u32)>| records.into_iter().map(|(.., id)| id).collect::<Vec<_>>();
    assert_eq!(ids(least.records()), [1, 2, 1, 4, 4, 4]);
    assert_eq!(ids(most.records()), [1, 2, 1, 1, 5, 5]);
    let sums = [('a', 5), ('b', 9), ('a', 10), ('a', 12), ('a', 19), ('a', 21)];
    assert_eq!(folded.records(), sums);
}

#[test]
fn in_batch_mode_what_is_first_is_so_by_time() {
    let harness = TestHarness::new();
    harness.env().set_runtime_mode(RuntimeMode::Batch);
    let input = harness.input::<(char, u32)>();
    let keyed = input.stream().key_by(|(key, _)| *key);
    let reduced = harness.output(&keyed.reduce(|_, _| {}));
    let counts = harness.output(&keyed.count());
    let numbered = harness.output(&keyed.map_with_state(|count: &mut Option<u32>, (_, id)| {
        let count = count.get_or_insert_default();
        *count += 1;
        (id, *count)
    }));
    for (id, time) in [(1, 30), (2, 10), (3, 20)] {
        input.push_at(('a', id), time);
    }
    assert_eq!((reduced.records(), counts.records()), (vec![], vec![]));
    input.end();
    assert_eq!(reduced.timestamped(), [(('a', 2), Some(Timestamp::MAX))]);
    assert_eq!(counts.records(), [('a', 3)]);
    assert_eq!(
        numbered.timestamped(),
        [((2, 1), Some(10.into())), ((3, 2), Some(20.into())), ((1, 3), Some(30.into()))]
    );
}

#[test]
fn closures_with_state_begin_anew_when_they_leave_none() {
    let harness = TestHarness::new();
    let input = harness.input::<u32>();
    let keyed = input.stream().key_by(|n| n % 2);
    let changes =
        harness.output(&keyed.filter_with_state(|last: &mut Option<u32>, n| last.replace(*n) != Some(*n)));
    let pairs =
        harness.output(&keyed.flat_map_with_state(|first: &mut Option<u32>, n, out| match first.take() {
            None => *first = Some(n),
            Some(first) => out.emit((first, n)),
        }));
    [2, 4, 4, 1, 1, 3, 2].into_iter().for_each(|n| input.push(n));
    assert_eq!(changes.records(), [2, 4, 1, 3, 2]);
    assert_eq!(pairs.records(), [(2, 4), (1, 1), (4, 2)]);
}

/// Refuses what is negative.
#[derive(Clone)]
struct Root;

impl KeyedProcessFunction<i64, i64> for Root {
    type Out = f64;

    fn process(&mut self, n: i64, ctx: &mut KeyedContext<'_, i64, f64>) -> Result<(), BoxError> {
        if n < 0 {
            return Err(format!("{n} has no root").into());
        }
        ctx.emit((n as f64).sqrt());
        Ok(())
    }
}

#[test]
fn failures_name_the_operator() {
    let harness = TestHarness::new();
    let input = harness.input::<i64>();
    let roots = harness.output(&input.stream().key_by(|n| *n).process(Root).name("roots"));
    input.push(4);
    assert_eq!(roots.records(), [2.0]);
    let cause = input.try_push(-4, 0).unwrap_err();
    assert_eq!((cause.kind, cause.message.as_str()), (FailureKind::UserError, "-4 has no root"));
    assert_eq!(cause.operator.as_deref(), Some("roots"));

    // The key decides where a record goes, so it is computed first where the record comes from.
    let harness = TestHarness::new();
    let input = harness.input::<i64>();
    let numbers = input.stream().map(|n| n).name("numbers");
    harness.output(&numbers.key_by(|n| 100 / n).process(Root));
    let cause = input.try_push(0, 0).unwrap_err();
    assert_eq!((cause.kind, cause.message.as_str()), (FailureKind::Panic, "attempt to divide by zero"));
    assert_eq!(cause.operator.as_deref(), Some("numbers"));
}
