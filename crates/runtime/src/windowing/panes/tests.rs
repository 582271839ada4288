mod rescaling;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    BoxError,
    windowing::{
        Applied, Best, Counted, EmitKeyAndValue, EmitValue, Kept, Listed, ProcessWindowFunction, Processed,
        Reduced, SlidingEventTimeWindows, SlidingProcessingTimeWindows, TimeOffset, TumblingEventTimeWindows,
        TumblingProcessingTimeWindows, WindowAssigner, WindowContext, WindowOperator,
        testing::{Harness, Pair, by_key, lateness},
    },
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn panes<A, C, F>(assigner: A, contents: C, function: F, late: i64) -> Harness<F::Record>
where
    A: WindowAssigner<Pair, Window = TimeWindow>,
    C: Contents<Pair>,
    F: WindowFunction<C::Value, u8, TimeWindow>,
{
    Harness::new(|context, next| {
        let (grid, domain) = (assigner.aligned().unwrap(), assigner.time_domain());
        PaneOperator::new(context, by_key(), grid, domain, contents, function, lateness(late), next)
    })
}

fn general<A, C, F>(assigner: A, contents: C, function: F, late: i64) -> Harness<F::Record>
where
    A: WindowAssigner<Pair, Window = TimeWindow>,
    C: Contents<Pair>,
    F: WindowFunction<C::Value, u8, TimeWindow>,
{
    Harness::new(|context, next| {
        let trigger = assigner.default_trigger();
        let store = Kept(contents);
        WindowOperator::new(context, by_key(), assigner, trigger, store, function, lateness(late), next)
    })
}

#[derive(Clone, Debug)]
enum Step {
    Record(Pair, i64),
    Watermark(i64),
}

/// Records around a watermark that rises, some of them late.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (0u8..4, 0u64..5, -60i64..60).prop_map(|(key, value, ahead)| (Some((key, value)), ahead));
    let watermark = prop_oneof![9 => 0i64..15, 1 => 50i64..400].prop_map(|ahead| (None, ahead));
    prop::collection::vec(prop_oneof![4 => record, 1 => watermark], 0..80).prop_map(|steps| {
        let mut time = -100;
        steps
            .into_iter()
            .map(|(record, ahead)| match record {
                Some(pair) => Step::Record(pair, time + ahead),
                None => {
                    time += ahead;
                    Step::Watermark(time)
                }
            })
            .collect()
    })
}

#[derive(Debug, PartialEq)]
struct Outcome<U> {
    /// What came out after each step, and at the end.
    steps: Vec<Vec<(U, i64)>>,
    late: Vec<Pair>,
    dropped: u64,
}

impl<U: Ord> Outcome<U> {
    /// Without regard to what came first after a step.
    fn sorted(mut self) -> Self {
        self.steps.iter_mut().for_each(|step| step.sort());
        self.late.sort_unstable();
        self
    }
}

fn run<U: Record + Ord>(mut windows: Harness<U>, script: &[Step]) -> Outcome<U> {
    let mut steps = Vec::new();
    for step in script {
        match step {
            Step::Record(pair, time) => windows.record(*pair, *time),
            Step::Watermark(time) => windows.watermark(*time),
        }
        steps.push(windows.take());
    }
    windows.end();
    steps.push(windows.take());
    let dropped = windows.context.metrics().counter("numLateRecordsDropped").get();
    Outcome { steps, late: windows.late(), dropped }
}

/// Counts the firings of a key and of a window, and what was cleared.
#[derive(Clone, Default)]
struct Stateful {
    of_window: flott_state::ValueState<u64, TimeWindow>,
    cleared: flott_state::ValueState<u64>,
}

impl ProcessWindowFunction<u64, u8, TimeWindow> for Stateful {
    type Out = (u8, u64, u64);

    fn open(
        &mut self,
        context: &mut crate::windowing::WindowOpenContext<'_, u8, TimeWindow>,
    ) -> Result<(), BoxError> {
        self.of_window = context.window_state()?.value("of window")?;
        self.cleared = context.global_state().value("cleared")?;
        Ok(())
    }

    fn process(
        &mut self,
        count: u64,
        context: &mut WindowContext<'_, u8, TimeWindow, Self::Out>,
    ) -> Result<(), BoxError> {
        let firings = self.of_window.get_or_default(context);
        *firings += 1;
        let firings = *firings;
        let (key, time) = (*context.key(), context.window().start().as_millis().unsigned_abs());
        context.emit((key, count * 1_000 + firings, time));
        Ok(())
    }

    fn clear(&mut self, context: &mut WindowContext<'_, u8, TimeWindow, Self::Out>) -> Result<(), BoxError> {
        *self.cleared.get_or_default(context) += 1;
        let cleared = *self.cleared.get_or_default(context);
        assert!(self.of_window.get(context).is_some(), "a window was cleared twice, or before it fired");
        context.output(&crate::OutputTag::new("late"), (*context.key(), cleared));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes in whatever order, panes give what windows with a state each would give.
    #[test]
    fn panes_give_what_the_general_operator_gives(
        steps in steps(),
        size in 1u64..40,
        slide in 1u64..40,
        shift in -40i64..40,
        late in prop_oneof![Just(0i64), 1i64..50],
    ) {
        let offset = TimeOffset::from_millis(shift % slide as i64);
        let sliding = || SlidingEventTimeWindows::of(ms(size), ms(slide)).offset(offset);
        let tumbling = || TumblingEventTimeWindows::of(ms(slide)).offset(offset);
        let sum = || Reduced(|total: &mut Pair, pair: Pair| total.1 += pair.1);
        // The values are few, so that many are equal, and told apart by the key's neighbor.
        let least = || Best(|one: &Pair, other: &Pair| one.1 < other.1);

        prop_assert_eq!(
            run(panes(sliding(), sum(), EmitValue, late), &steps),
            run(general(sliding(), sum(), EmitValue, late), &steps)
        );
        prop_assert_eq!(
            run(panes(sliding(), least(), EmitValue, late), &steps),
            run(general(sliding(), least(), EmitValue, late), &steps)
        );
        prop_assert_eq!(
            run(panes(tumbling(), Counted, EmitKeyAndValue, late), &steps),
            run(general(tumbling(), Counted, EmitKeyAndValue, late), &steps)
        );
        let list = || Applied::new(|records: Vec<Pair>, context: &mut WindowContext<'_, u8, TimeWindow, Vec<Pair>>| {
            context.emit(records);
        });
        prop_assert_eq!(
            run(panes(tumbling(), Listed, list(), late), &steps),
            run(general(tumbling(), Listed, list(), late), &steps)
        );
        prop_assert_eq!(
            run(panes(sliding(), Listed, list(), late), &steps),
            run(general(sliding(), Listed, list(), late), &steps)
        );
        // Firings and clears of one watermark may come in another order, but not more or fewer.
        prop_assert_eq!(
            run(panes(sliding(), Counted, Processed(Stateful::default()), late), &steps).sorted(),
            run(general(sliding(), Counted, Processed(Stateful::default()), late), &steps).sorted()
        );
    }

    /// The same for the clock.
    #[test]
    fn panes_follow_the_clock(
        steps in prop::collection::vec((0u8..3, 0i64..40), 0..60),
        size in 1u64..40,
        slide in 1u64..40,
    ) {
        let assigner = || SlidingProcessingTimeWindows::of(ms(size), ms(slide));
        let mut fast = panes(assigner(), Counted, EmitKeyAndValue, 0);
        let mut slow = general(assigner(), Counted, EmitKeyAndValue, 0);
        let mut now = 1_000;
        for (key, ahead) in steps {
            now += ahead;
            // A record of the very millisecond in which its window was fired is told apart below.
            if now % slide as i64 == (size as i64 - 1) % slide as i64 {
                continue;
            }
            for windows in [&mut fast, &mut slow] {
                windows.time(now);
                windows.record((key, 1), i64::MIN);
            }
            prop_assert_eq!(fast.take(), slow.take());
        }
        for windows in [&mut fast, &mut slow] {
            windows.time(now + 1_000);
        }
        prop_assert_eq!(fast.take(), slow.take());
    }
}

#[test]
fn a_clock_that_goes_back_loses_no_record() {
    let mut windows = panes(SlidingProcessingTimeWindows::of(ms(20), ms(10)), Counted, EmitKeyAndValue, 0);
    windows.time(105);
    windows.record((1, 1), i64::MIN);
    windows.time(109);
    assert_eq!(windows.take(), [((1, 1), 109)]);
    windows.time(50);
    windows.record((1, 1), i64::MIN);
    windows.time(200);
    assert_eq!(
        windows.take(),
        [((1, 2), 119), ((1, 1), 129)],
        "it counts as if it came right after the firing"
    );
}

#[test]
fn equal_values_are_told_apart_by_arrival() {
    let least = Best(|one: &Pair, other: &Pair| one.1 / 10 < other.1 / 10);
    let mut windows = panes(SlidingEventTimeWindows::of(ms(20), ms(10)), least, EmitValue, 0);
    // The later pane's record came first.
    windows.records([(1, 31, 15), (1, 32, 5), (1, 40, 6)]);
    windows.watermark(19);
    assert_eq!(windows.take(), [((1, 32), 9), ((1, 31), 19)]);
}

#[test]
fn tumbling_windows_of_the_clock() {
    let mut windows = panes(TumblingProcessingTimeWindows::of(ms(3_000)), Counted, EmitKeyAndValue, 0);
    windows.time(3);
    windows.records([(2, 1, i64::MAX), (2, 1, 7_000), (1, 1, i64::MIN)]);
    windows.time(2_999);
    assert_eq!(windows.take(), [((1, 1), 2_999), ((2, 2), 2_999)]);
    windows.record((1, 1), 0);
    windows.time(5_998);
    assert_eq!(windows.take(), []);
    windows.time(5_999);
    assert_eq!(windows.take(), [((1, 1), 5_999)], "no window fires twice, and no record is lost");
}

#[test]
fn a_record_without_timestamp_is_an_error() {
    let mut windows = panes(TumblingEventTimeWindows::of(ms(1_000)), Counted, EmitKeyAndValue, 0);
    windows.record((1, 1), i64::MIN + 1);
    let Err(crate::TaskEnd::Failed(cause)) = windows.try_record((1, 1), i64::MIN) else {
        panic!("it must fail")
    };
    assert!(cause.message.contains("assign_timestamps_and_watermarks"), "{}", cause.message);
}

#[test]
fn nothing_is_kept_of_windows_that_are_over() {
    for late in [0, 30] {
        let context = crate::testing::operator("windows");
        let next =
            Downstream::new(Box::new(crate::testing::Collected::<(u8, u64)>::default()), Default::default());
        let assigner = SlidingEventTimeWindows::of(ms(100), ms(30));
        let grid = WindowAssigner::<Pair>::aligned(&assigner).unwrap();
        let mut operator = PaneOperator::new(
            context,
            by_key(),
            grid,
            TimeDomain::EventTime,
            Counted,
            EmitKeyAndValue,
            lateness(late),
            next,
        )
        .unwrap();
        for time in 0..10_000i64 {
            let mut batch = Batch::new();
            batch.push(((time % 50) as u8, 1), time.into());
            operator.emit(&mut batch).unwrap();
            operator.mark(Mark::Watermark((time - 20).into())).unwrap();
            assert!(operator.tables.part.panes.len() < 20);
        }
        operator.mark(Mark::Watermark(20_000.into())).unwrap();
        assert!(operator.tables.part.panes.is_empty() && operator.tables.part.sliding.is_empty());
    }
}
