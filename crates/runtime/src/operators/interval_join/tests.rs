use flott_core::FailureKind;
use proptest::prelude::*;

use super::*;
use crate::{
    BoxError, BoxOutput, TaskEnd,
    operators::ByValue,
    output::{AnySide, Side, SideOutputs},
    testing::{Collected, Event, operator},
    windowing::TimeOffset,
};

/// Key and number of a record.
type Numbered = (u8, u32);

/// Emits the numbers of both.
#[derive(Clone)]
struct Pairs;

impl ProcessJoinFunction<Numbered, Numbered> for Pairs {
    type Out = (u32, u32);

    fn process(
        &mut self,
        left: &Numbered,
        right: &Numbered,
        context: &mut JoinContext<'_, (u32, u32)>,
    ) -> Result<(), BoxError> {
        assert_eq!(left.0, right.0, "only records of one key are joined");
        assert_eq!(context.timestamp(), context.left_timestamp().max(context.right_timestamp()));
        context.emit((left.1, right.1));
        Ok(())
    }
}

type ByKey = ByValue<fn(&Numbered) -> u8, u8>;
type Join = IntervalJoin<Numbered, Numbered, ByKey, ByKey, Pairs>;

struct Harness {
    join: Join,
    pairs: Collected<(u32, u32)>,
    late_left: Collected<Numbered>,
    late_right: Collected<Numbered>,
    context: RuntimeContext,
}

fn by_key() -> ByKey {
    ByValue::new(|record| record.0)
}

fn bound(millis: i64, inclusive: bool) -> Bound {
    Bound { at: TimeOffset::from_millis(millis), inclusive }
}

fn harness(lower: Bound, upper: Bound, has_sides: bool) -> Harness {
    let (left, right) = (OutputTag::new("late left"), OutputTag::new("late right"));
    let (pairs, late_left, late_right) = (Collected::default(), Collected::default(), Collected::default());
    let side = |tag: &OutputTag<Numbered>, output: &Collected<Numbered>| {
        (tag.id().into(), Box::new(Side::new(Box::new(output.clone()))) as Box<dyn AnySide>)
    };
    let sides = SideOutputs::new(vec![side(&left, &late_left), side(&right, &late_right)]);
    let settings = IntervalJoinSettings {
        interval: Interval::new(lower, upper).unwrap(),
        late_left: has_sides.then_some(left),
        late_right: has_sides.then_some(right),
    };
    let next = Downstream::new(Box::new(pairs.clone()) as BoxOutput<_>, sides);
    let context = operator("Interval Join");
    let join = IntervalJoin::new(context.clone(), settings, (by_key(), by_key()), Pairs, next).unwrap();
    Harness { join, pairs, late_left, late_right, context }
}

fn one(record: Numbered, millis: i64) -> Batch<Numbered> {
    let mut batch = Batch::new();
    batch.push(record, Timestamp::from_millis(millis));
    batch
}

impl Harness {
    fn left(&mut self, record: Numbered, millis: i64) {
        self.join.emit_left(&mut one(record, millis)).unwrap();
    }

    fn right(&mut self, record: Numbered, millis: i64) {
        self.join.emit_right(&mut one(record, millis)).unwrap();
    }

    fn watermark(&mut self, millis: i64) {
        self.join.mark(Mark::Watermark(Timestamp::from_millis(millis))).unwrap();
    }

    fn buffered(&self) -> usize {
        self.join.buffers.iter().map(|(_, sides)| sides.left.len() + sides.right.len()).sum()
    }

    fn dropped(&self) -> u64 {
        let metrics = MetricGroup::for_operator(&self.context.task.counters, &self.context.name);
        metrics.counter("numLateRecordsDropped").get()
    }
}

#[test]
fn pairs_have_the_later_timestamp() {
    let mut harness = harness(bound(-2, true), bound(1, true), false);
    harness.left((1, 10), 100);
    harness.right((1, 20), 98);
    harness.right((1, 21), 101);
    harness.right((1, 22), 102);
    harness.right((2, 23), 100);
    harness.watermark(99);
    let pair = |left, right, millis| {
        Event::Batch(Batch { records: vec![(left, right)], timestamps: vec![Timestamp::from_millis(millis)] })
    };
    let watermark = Event::Mark(Mark::Watermark(Timestamp::from_millis(99)));
    assert_eq!(harness.pairs.events(), [pair(10, 20, 100), pair(10, 21, 101), watermark]);
}

#[test]
fn partners_come_in_order_of_time_and_then_of_arrival() {
    let mut harness = harness(bound(-5, true), bound(5, true), false);
    for (number, millis) in [(1, 104), (2, 96), (3, 100), (4, 96)] {
        harness.right((1, number), millis);
    }
    harness.left((1, 0), 100);
    assert_eq!(harness.pairs.records(), [(0, 2), (0, 4), (0, 3), (0, 1)]);
}

#[test]
fn late_records_go_to_their_side_outputs() {
    let mut harness = harness(bound(-5, true), bound(5, true), true);
    harness.right((1, 1), 12);
    harness.watermark(10);
    harness.left((1, 2), 9);
    harness.right((1, 3), 9);
    harness.left((1, 4), 10);
    assert_eq!(harness.late_left.records(), [(1, 2)]);
    assert_eq!(harness.late_right.records(), [(1, 3)]);
    assert_eq!(harness.pairs.records(), [(4, 1)], "who is as old as the watermark is not late");
    assert_eq!(harness.dropped(), 0);
}

#[test]
fn late_records_without_side_output_are_counted() {
    let mut harness = harness(bound(-5, true), bound(5, true), false);
    harness.watermark(10);
    harness.left((1, 2), 9);
    harness.right((1, 3), -100);
    assert_eq!(harness.dropped(), 2);
    assert_eq!(harness.buffered(), 0);
}

#[test]
fn a_record_without_timestamp_fails_the_task() {
    let mut harness = harness(bound(0, true), bound(0, true), false);
    let Err(TaskEnd::Failed(cause)) = harness.join.emit_right(&mut vec![(1, 1)].into()) else {
        panic!("it must fail")
    };
    assert_eq!((cause.kind, cause.operator.as_deref()), (FailureKind::UserError, Some("Interval Join")));
    assert!(cause.message.contains("right input has no timestamp"), "{}", cause.message);
}

#[test]
fn a_key_has_one_timer_and_leaves_nothing_behind() {
    let mut harness = harness(bound(-10, true), bound(20, true), false);
    for (number, millis) in (0..100).zip((0..100).rev()) {
        harness.left((1, number), millis);
        harness.right((1, number), millis);
    }
    assert_eq!(harness.join.cleanups.len(), 1);
    harness.watermark(59);
    // Left ones up to 39 and right ones up to 49 find nobody any more.
    assert_eq!(harness.buffered(), 60 + 50);
    assert_eq!(harness.join.cleanups.len(), 1);
    harness.watermark(i64::MAX);
    assert_eq!((harness.buffered(), harness.join.cleanups.len()), (0, 0));
    assert!(harness.join.buffers.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Left(u8, i64),
    Right(u8, i64),
    Watermark(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let millis = -15i64..15;
    prop::collection::vec(
        prop_oneof![
            4 => (0u8..3, millis.clone()).prop_map(|(key, millis)| Step::Left(key, millis)),
            4 => (0u8..3, millis.clone()).prop_map(|(key, millis)| Step::Right(key, millis)),
            1 => millis.prop_map(Step::Watermark),
        ],
        0..60,
    )
}

/// Two nested loops, as simple as can be, that forget a record when Flink's operator does.
#[derive(Default)]
struct Model {
    left: Vec<(Numbered, i64)>,
    right: Vec<(Numbered, i64)>,
    pairs: Vec<(u32, u32)>,
    late: Vec<u32>,
    watermark: Option<i64>,
}

impl Model {
    fn step(&mut self, number: u32, step: &Step, (lower, upper): (i64, i64)) {
        let is_late = |millis: i64| self.watermark.is_some_and(|watermark| millis < watermark);
        let fits = |left: i64, right: i64| left + lower <= right && right <= left + upper;
        match *step {
            Step::Left(_, millis) | Step::Right(_, millis) if is_late(millis) => self.late.push(number),
            Step::Left(key, at) => {
                let mut found: Vec<_> = self
                    .right
                    .iter()
                    .filter(|(other, right_at)| other.0 == key && fits(at, *right_at))
                    .collect();
                found.sort_by_key(|(_, right_at)| *right_at);
                self.pairs.extend(found.iter().map(|(other, _)| (number, other.1)));
                self.left.push(((key, number), at));
            }
            Step::Right(key, at) => {
                let mut found: Vec<_> = self
                    .left
                    .iter()
                    .filter(|(other, left_at)| other.0 == key && fits(*left_at, at))
                    .collect();
                found.sort_by_key(|(_, left_at)| *left_at);
                self.pairs.extend(found.iter().map(|(other, _)| (other.1, number)));
                self.right.push(((key, number), at));
            }
            Step::Watermark(watermark) if self.watermark.is_none_or(|last| watermark > last) => {
                self.watermark = Some(watermark);
                self.left.retain(|(_, at)| at + upper.max(0) > watermark);
                self.right.retain(|(_, at)| at + (-lower).max(0) > watermark);
            }
            Step::Watermark(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn finds_what_nested_loops_find(
        steps in steps(),
        (lower, length) in (-8i64..8, 0i64..10),
        (lower_inclusive, upper_inclusive) in any::<(bool, bool)>(),
    ) {
        let upper = lower + length;
        let mut harness = harness(bound(lower, lower_inclusive), bound(upper, upper_inclusive), true);
        let bounds = (lower + i64::from(!lower_inclusive), upper - i64::from(!upper_inclusive));
        let mut model = Model::default();
        for (number, step) in (0..).zip(&steps) {
            let watermark = model.watermark;
            model.step(number, step, bounds);
            match *step {
                Step::Left(key, millis) => harness.left((key, number), millis),
                Step::Right(key, millis) => harness.right((key, number), millis),
                Step::Watermark(millis) if model.watermark != watermark => harness.watermark(millis),
                Step::Watermark(_) => {}
            }
            prop_assert_eq!(harness.buffered(), model.left.len() + model.right.len());
        }
        prop_assert_eq!(harness.pairs.records(), model.pairs);
        let mut late: Vec<_> =
            harness.late_left.records().into_iter().chain(harness.late_right.records()).map(|record| record.1).collect();
        late.sort_unstable();
        prop_assert_eq!(late, model.late);
        harness.watermark(i64::MAX);
        prop_assert_eq!((harness.buffered(), harness.join.cleanups.len()), (0, 0));
    }
}
