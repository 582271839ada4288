//! Functions go on from snapshots as if nothing had happened, also with another number of subtasks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use flott::{
    prelude::*,
    testing::{SnapshotOptions, StreamElement, TestHarness, TestInput, TestOutput, TestSnapshot},
    windowing::{EventTimeSessionWindows, GlobalWindows, SlidingEventTimeWindows},
};
use proptest::prelude::*;
use tokio::sync::Semaphore;

/// Keys are few, so that each has several records.
type Event = (u8, u64);

/// A job under test: its input and what comes out.
type Job<U> = (TestInput<Event>, TestOutput<U>);

#[derive(Clone, Debug)]
enum Step {
    Record(Event, i64),
    Watermark(i64),
    /// Processing time goes on.
    Clock(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..5, 0u64..100, -30i64..30).prop_map(|(key, value, ahead)| (Some((key, value)), ahead, 0)),
        2 => (0i64..20).prop_map(|ahead| (None, ahead, 0)),
        1 => (1u64..30).prop_map(|ahead| (None, 0, ahead)),
    ];
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let mut time = 0;
        let steps = steps.into_iter().map(|(record, ahead, clock)| match record {
            Some(event) => Step::Record(event, time + ahead),
            None if clock > 0 => Step::Clock(clock),
            None => {
                time += ahead;
                Step::Watermark(time)
            }
        });
        steps.collect()
    })
}

/// The same steps, but the clock never stops in the last millisecond of a window of this size. Set by hand it ends windows there,
/// and what comes then belongs to the next window if another key of the same subtask has ended this one: so it depends on which
/// keys are together.
fn clear_of_ends(steps: &[Step], size: u64) -> Vec<Step> {
    let mut clock = 0;
    let steps = steps.iter().map(|step| match step {
        Step::Clock(ahead) => {
            let ahead = ahead + u64::from((clock + ahead) % size == size - 1);
            clock += ahead;
            Step::Clock(ahead)
        }
        step => step.clone(),
    });
    steps.collect()
}

fn feed(harness: &TestHarness, input: &TestInput<Event>, step: &Step) {
    match step {
        Step::Record(event, time) => input.push_at(*event, *time),
        Step::Watermark(time) => input.watermark(*time),
        Step::Clock(ahead) => harness.advance_processing_time(Duration::from_millis(*ahead)),
    }
}

/// Plays a script as it is, and with a failure, and compares what comes out for each key, in its order.
fn compare<U: flott::Record + PartialEq + std::fmt::Debug>(
    job: impl Fn(&TestHarness, u32) -> Job<U>,
    key: impl Fn(&U) -> u8,
    (steps, at, beside): (&[Step], usize, usize),
    (first, second): (u32, u32),
) {
    let by_key = |records: Vec<(U, Option<Timestamp>)>| {
        let mut records: Vec<_> = records.into_iter().map(|record| (key(&record.0), record)).collect();
        records.sort_by_key(|(key, _)| *key); // stable
        records
    };
    let harness = TestHarness::new();
    let (input, output) = job(&harness, first);
    harness.run();
    steps.iter().for_each(|step| feed(&harness, &input, step));
    input.end();
    let expected = by_key(output.timestamped());

    let options = SnapshotOptions { in_files: true, piece: Some(1) };
    let harness = TestHarness::new().with_snapshot_options(options);
    let (input, output) = job(&harness, first);
    harness.run();
    let (before, after) = steps.split_at(at);
    // One that nobody goes on from, but to which the next one refers.
    let (early, before) = before.split_at(at / 2);
    early.iter().for_each(|step| feed(&harness, &input, step));
    harness.snapshot();
    before.iter().for_each(|step| feed(&harness, &input, step));
    harness.begin_snapshot();
    let mut records = output.timestamped();
    after.iter().take(beside).for_each(|step| feed(&harness, &input, step));
    let snapshot = harness.finish_snapshot();
    drop((harness, input, output));

    let harness = TestHarness::restored(&snapshot);
    let (input, output) = job(&harness, second);
    harness.run();
    after.iter().for_each(|step| feed(&harness, &input, step));
    input.end();
    records.extend(output.timestamped());
    assert_eq!(by_key(records), expected);
}

/// Sums up, and tells the sum a while after the first record, in both times.
#[derive(Clone, Default)]
struct Sums {
    sum: ValueState<u64>,
    seen: ListState<u64>,
}

impl KeyedProcessFunction<u8, Event> for Sums {
    type Out = (u8, Vec<u64>);

    fn open(&mut self, context: &mut OpenContext<'_, u8>) -> Result<(), BoxError> {
        self.sum = context.value("sum")?;
        self.seen = context.list("seen")?;
        Ok(())
    }

    fn process(
        &mut self,
        (key, value): Event,
        ctx: &mut KeyedContext<'_, u8, Self::Out>,
    ) -> Result<(), BoxError> {
        *self.sum.get_or_default(ctx) += value;
        self.seen.push(ctx, value);
        let time = ctx.timestamp().map_or(0, Timestamp::as_millis);
        ctx.register_event_time_timer(time + 10);
        if value % 3 == 0 {
            let now = ctx.processing_time();
            ctx.register_processing_time_timer(now + Duration::from_millis(15));
        }
        let sum = *self.sum.get_or_default(ctx);
        ctx.emit((key, vec![sum]));
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timestamp,
        ctx: &mut OnTimerContext<'_, u8, Self::Out>,
    ) -> Result<(), BoxError> {
        let seen = self.seen.take(ctx);
        let key = *ctx.key();
        ctx.emit((key, seen));
        Ok(())
    }
}

/// Parallelism before and after the failure.
fn parallelisms() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![Just((1, 1)), Just((2, 2)), Just((1, 3)), Just((3, 2)), Just((4, 1))]
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn keyed_operators_go_on_from_snapshots(
        steps in steps(),
        cut: prop::sample::Index,
        beside in 0usize..30,
        parallelisms in parallelisms(),
    ) {
        let script = (&steps[..], cut.index(steps.len() + 1), beside);
        // All keys are together, before and after.
        let is_one = parallelisms == (1, 1);
        let clock_steps = if is_one { steps.clone() } else { clear_of_ends(&steps, 25) };
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let keyed = input.stream().key_by(|event| event.0);
            let output = harness.output(&keyed.process(Sums::default()).set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, script, parallelisms);
        // Windows of all sorts, each with its own kind of state.
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let windows = input.stream().key_by(|event| event.0).window(EventTimeSessionWindows::with_gap(ms(9)));
            let sums = windows.allowed_lateness(ms(5)).reduce(|sum, event| sum.1 += event.1);
            let output = harness.output(&sums.set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, script, parallelisms);
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let keyed = input.stream().key_by(|event| event.0);
            let windows = keyed.window(SlidingEventTimeWindows::of(ms(20), ms(7))).allowed_lateness(ms(11));
            let output = harness.output(&windows.reduce(|sum, event| sum.1 += event.1).set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, script, parallelisms);
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let keyed = input.stream().key_by(|event| event.0);
            let windows = keyed.window(TumblingProcessingTimeWindows::of(ms(25)));
            let output = harness.output(&windows.reduce(|sum, event| sum.1 += event.1).set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, (&clock_steps[..], script.1, beside), parallelisms);
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let windows = input.stream().key_by(|event| event.0).window(GlobalWindows::create());
            let windows = windows.trigger(flott::windowing::CountTrigger::of(3)).evictor(flott::windowing::CountEvictor::of(4));
            let output = harness.output(&windows.reduce(|sum, event| sum.1 += event.1).set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, script, parallelisms);
        compare(|harness, parallelism| {
            let input = harness.input::<Event>();
            let [even, odd] = [0, 1].map(|rest| {
                input.stream().filter(move |event| event.1 % 2 == rest).key_by(|event| event.0)
            });
            let pairs = even.interval_join(&odd).between(ms(0), ms(8)).apply(|left, right| (left.0, left.1 * 1_000 + right.1));
            let output = harness.output(&pairs.set_parallelism(parallelism));
            (input, output)
        }, |(key, _)| *key, script, parallelisms);
    }
}

#[test]
fn a_window_of_the_clock_fires_once_though_the_clock_stands_still() {
    let job = |harness: &TestHarness| {
        let input = harness.input::<Event>();
        let windows =
            input.stream().key_by(|event| event.0).window(TumblingProcessingTimeWindows::of(ms(25)));
        let output = harness.output(&windows.reduce(|sum, event| sum.1 += event.1));
        (input, output)
    };
    let harness = TestHarness::new();
    let (input, output) = job(&harness);
    input.push((1, 2));
    harness.set_processing_time(24);
    assert_eq!(output.records(), [(1, 2)]);
    let harness = TestHarness::restored(&harness.snapshot());
    let (input, output) = job(&harness);
    input.push((1, 3));
    harness.set_processing_time(48);
    assert_eq!(output.records(), []);
    harness.set_processing_time(49);
    assert_eq!(output.records(), [(1, 3)]);
}

/// Requests of which odd ones are answered when they are let.
fn requests(harness: &TestHarness, let_odd: &Arc<Semaphore>, ordered: bool, parallelism: u32) -> Job<Event> {
    let input = harness.input::<Event>();
    let spread = input.stream().rebalance();
    let let_odd = let_odd.clone();
    let ask = move |event: Event| {
        let let_odd = let_odd.clone();
        async move {
            if event.1 % 2 == 1 {
                let_odd.acquire().await?.forget();
            }
            Ok::<_, BoxError>([event])
        }
    };
    let options = AsyncOptions::new(Duration::ZERO).capacity(20);
    let answers =
        if ordered { spread.ordered_wait(options, ask) } else { spread.unordered_wait(options, ask) };
    let output = harness.output(&answers.set_parallelism(parallelism));
    (input, output)
}

#[test]
fn requests_under_way_are_asked_again() {
    const MINUTE: Duration = Duration::from_secs(60);
    for (ordered, first, second) in [(true, 1, 1), (false, 1, 1), (true, 2, 2), (false, 2, 3), (true, 3, 1)] {
        let (closed, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1_000)));
        let harness = TestHarness::new();
        let (input, output) = requests(&harness, &closed, ordered, first);
        for value in 0..10 {
            input.push_at((0, value), value as i64);
        }
        input.watermark(9);
        harness.begin_snapshot();
        let mut seen = output.timestamped();
        assert!(seen.len() < 10, "some must be under way");
        // They are answered while the snapshot is written, but nobody sees it.
        closed.add_permits(1_000);
        harness.wait_for_async(MINUTE);
        let snapshot = harness.finish_snapshot();

        let harness = TestHarness::restored(&snapshot);
        let (input, output) = requests(&harness, &open, ordered, second);
        input.push_at((0, 10), 10);
        harness.wait_for_async(MINUTE);
        input.end();
        seen.extend(output.timestamped());
        let expected: Vec<_> =
            (0..11).map(|value| ((0, value), Some(Timestamp::from_millis(value as i64)))).collect();
        if !(ordered && first == 1) {
            seen.sort_unstable();
        }
        assert_eq!(seen, expected, "ordered: {ordered}, {first} to {second}");
    }
}

#[test]
fn a_restored_watermark_stays_behind_the_requests_before_it() {
    let (closed, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1_000)));
    let harness = TestHarness::new();
    let (input, output) = requests(&harness, &closed, false, 1);
    input.push_at((0, 2), 3);
    input.watermark(5);
    input.push_at((0, 1), 7);
    input.watermark(9);
    input.push_at((0, 4), 11);
    let snapshot = harness.snapshot();
    let marks = |output: TestOutput<Event>| -> Vec<i64> {
        let time = |element| match element {
            StreamElement::Record((_, value), _) => -(value as i64),
            StreamElement::Watermark(watermark) => watermark.as_millis(),
            StreamElement::Idle(_) => 0,
        };
        output.elements().into_iter().map(time).collect()
    };
    assert_eq!(marks(output), [-2, 5]);
    let harness = TestHarness::restored(&snapshot);
    let (input, output) = requests(&harness, &open, false, 1);
    harness.wait_for_async(Duration::from_secs(60));
    input.watermark(20);
    assert_eq!(marks(output), [5, -1, 9, -4, 20]);
}

/// Hands records on four at a time, and knows which keys any subtask has seen.
#[derive(Clone, Default)]
struct InFours {
    waiting: OperatorListState<Event>,
    keys: OperatorListState<u8>,
}

impl ProcessFunction<Event> for InFours {
    type Out = Vec<Event>;

    fn open(&mut self, context: &mut OpenContext<'_>) -> Result<(), BoxError> {
        self.waiting = context.list_state("waiting")?;
        self.keys = context.union_list_state("keys")?;
        // What was restored is there already.
        let keys = self.keys.get_mut(context);
        keys.sort_unstable();
        keys.dedup();
        Ok(())
    }

    fn process(&mut self, event: Event, ctx: &mut ProcessContext<'_, Vec<Event>>) -> Result<(), BoxError> {
        if !self.keys.get(ctx).contains(&event.0) {
            self.keys.add(ctx, event.0);
        }
        self.waiting.add(ctx, event);
        if event.0 == u8::MAX {
            let keys = self.keys.get(ctx).iter().map(|key| (*key, 0)).collect();
            ctx.emit(keys);
            let rest = self.waiting.take(ctx);
            ctx.emit(rest);
        } else if self.waiting.len(ctx) == 4 {
            let four = self.waiting.take(ctx);
            ctx.emit(four);
        }
        Ok(())
    }
}

fn fours(harness: &TestHarness, parallelism: u32) -> Job<Vec<Event>> {
    let input = harness.input::<Event>();
    let output =
        harness.output(&input.stream().rebalance().process(InFours::default()).set_parallelism(parallelism));
    (input, output)
}

fn fours_until(first: u32) -> TestSnapshot {
    let harness = TestHarness::new();
    let (input, output) = fours(&harness, first);
    for value in 0..3 * u64::from(first) {
        input.push((value as u8 % 5, value));
    }
    assert_eq!(output.records(), Vec::<Vec<Event>>::new());
    harness.snapshot()
}

#[test]
fn lists_of_operators_are_spread_over_the_subtasks() {
    for (first, second) in [(1, 1), (2, 2), (3, 2), (2, 4), (4, 1)] {
        let harness = TestHarness::restored(&fours_until(first));
        let (input, output) = fours(&harness, second);
        // Each subtask tells what it has, and the keys of all.
        for _ in 0..second {
            input.push((u8::MAX, 0));
        }
        let records = output.records();
        let told: Vec<Vec<Event>> = records
            .iter()
            .filter(|events| events.last() == Some(&(u8::MAX, 0)) && events.iter().all(|event| event.1 == 0))
            .cloned()
            .collect();
        let mut waiting: Vec<Event> = records.iter().flatten().copied().filter(|event| event.1 > 0).collect();
        waiting.sort_by_key(|event| event.1);
        let all = 3 * u64::from(first);
        let expected: Vec<Event> = (1..all).map(|value| (value as u8 % 5, value)).collect();
        assert_eq!(waiting, expected, "{first} to {second}");
        let keys = all.min(5) as usize;
        let complete = told.iter().filter(|keys_told| keys_told.len() == keys + 1).count();
        assert!(complete >= second as usize, "{first} to {second}: each has the keys of all: {told:?}");
        if second == first {
            // Each has its own three again, and the last one that it was given.
            assert!(
                records
                    .iter()
                    .filter(|events| events.iter().any(|event| event.1 > 0))
                    .all(|events| events.len() == 4)
            );
        }
    }
}

#[test]
fn snapshots_of_other_types_are_refused() {
    let harness = TestHarness::new();
    let input = harness.input::<Event>();
    harness.output(&input.stream().key_by(|event| event.0).reduce(|sum, event| sum.1 += event.1).uid("sum"));
    input.push((1, 1));
    let snapshot = harness.snapshot();

    let harness = TestHarness::restored(&snapshot);
    let input = harness.input::<(u8, String)>();
    harness.output(&input.stream().key_by(|event| event.0).reduce(|_, _| {}).uid("sum"));
    let failure = harness.try_run().unwrap_err();
    assert!(failure.message.contains("cannot restore"), "{failure}");
}

#[test]
fn how_much_state_there_is_is_shown_after_each_snapshot() {
    let harness = TestHarness::new();
    harness.env().set_parallelism(2);
    let numbers = harness.input::<u64>();
    let _counts = harness.output(&numbers.stream().key_by(|number| *number).count());
    for number in 0..10 {
        numbers.push(number % 5);
    }
    assert_eq!(harness.count_of("stateEntries"), None, "it is found out with a snapshot");
    harness.snapshot();
    assert_eq!(harness.count_of("stateEntries"), Some(5));
    let size = harness.count_of("stateSize").unwrap();
    assert!(size >= 10, "a key and a value each: {size}");
    numbers.push(77);
    harness.snapshot();
    assert_eq!(harness.count_of("stateEntries"), Some(6));
    assert!(harness.count_of("stateSize").unwrap() > size);
}
