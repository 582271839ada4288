use super::*;
use crate::windowing::{
    Applied, ContinuousEventTimeTrigger, CountTrigger, EventTimeSessionWindows, EventTimeTrigger,
    ProcessingTimeSessionWindows, ProcessingTimeTrigger, PurgingTrigger, TimeWindow, WindowContext,
};

/// Key, sum, start and end.
type Session = (u8, u64, i64, i64);

fn sessions<A, G>(assigner: A, trigger: G, settings: WindowSettings<Pair>) -> Harness<Session>
where
    A: WindowAssigner<Pair, Window = TimeWindow>,
    G: Trigger<Pair, TimeWindow>,
{
    let describe = |sum: Pair, context: &mut WindowContext<'_, u8, TimeWindow, Session>| {
        let window = context.window();
        context.emit((*context.key(), sum.1, window.start().as_millis(), window.end().as_millis()));
    };
    Harness::new(|context, next| {
        WindowOperator::new(
            context,
            by_key(),
            assigner,
            trigger,
            sum(),
            Applied::new(describe),
            settings,
            next,
        )
    })
}

fn event_time(gap: u64, settings: WindowSettings<Pair>) -> Harness<Session> {
    sessions(EventTimeSessionWindows::with_gap(ms(gap)), EventTimeTrigger::create(), settings)
}

#[test]
fn sessions_end_after_a_gap() {
    let mut windows = event_time(3_000, lateness(0));
    windows.records([(2, 1, 0), (2, 2, 1_000), (2, 3, 2_500)]);
    windows.records([(1, 1, 10), (1, 2, 1_000)]);
    windows.records([(1, 3, 2_500), (2, 4, 5_501), (2, 5, 6_000), (2, 5, 6_000), (2, 6, 6_050)]);
    windows.watermark(12_000);
    let expected = [((1, 6, 10, 5_500), 5_499), ((2, 6, 0, 5_500), 5_499), ((2, 20, 5_501, 9_050), 9_049)];
    assert_eq!(windows.take(), expected);
    windows.records([(2, 10, 15_000), (2, 20, 15_000)]);
    windows.watermark(17_999);
    assert_eq!(windows.take(), [((2, 30, 15_000, 18_000), 17_999)]);
}

#[test]
fn a_record_can_join_two_sessions() {
    let mut windows = event_time(3_000, lateness(0));
    windows.records([(1, 1, 0), (1, 4, 5_000), (1, 2, 3_000)]);
    windows.watermark(7_998);
    assert_eq!(windows.take(), []);
    windows.watermark(7_999);
    assert_eq!(windows.take(), [((1, 7, 0, 8_000), 7_999)]);
}

#[test]
fn sessions_can_be_purged_by_count_and_go_on() {
    let trigger = PurgingTrigger::of(CountTrigger::of(4));
    let mut windows = sessions(EventTimeSessionWindows::with_gap(ms(3_000)), trigger, lateness(0));
    windows.records([(2, 1, 0), (2, 2, 1_000), (2, 3, 2_500), (2, 4, 3_500)]);
    assert_eq!(windows.take(), [((2, 10, 0, 6_500), 6_499)]);
    // Two sessions with two and one records become one with four, which is enough.
    windows.records([(1, 1, 10), (1, 2, 1_000), (1, 3, 6_500), (1, 4, 3_800)]);
    assert_eq!(windows.take(), [((1, 10, 10, 9_500), 9_499)]);
}

#[test]
fn merged_sessions_keep_the_earliest_of_their_continuous_firings() {
    let trigger = ContinuousEventTimeTrigger::of(ms(2_000));
    let mut windows = sessions(EventTimeSessionWindows::with_gap(ms(3_000)), trigger, lateness(0));
    windows.records([(1, 1, 0), (1, 2, 4_000), (1, 3, 2_000)]);
    windows.watermark(2_500);
    assert_eq!(windows.take(), [((1, 6, 0, 7_000), 6_999)]);
    windows.watermark(7_000);
    assert_eq!(windows.take(), [((1, 6, 0, 7_000), 6_999); 3], "at 4 s, at 6 s and at the end");
}

#[test]
fn a_late_record_fires_the_session_that_it_extends() {
    let mut windows = event_time(3_000, lateness(10_000));
    windows.record((2, 1), 1_000);
    windows.watermark(4_000);
    assert_eq!(windows.take(), [((2, 1, 1_000, 4_000), 3_999)]);
    windows.record((2, 2), 500);
    assert_eq!(windows.take(), [((2, 3, 500, 4_000), 3_999)]);
    // One that is not over yet waits for its end.
    windows.record((2, 4), 3_000);
    assert_eq!(windows.take(), []);
    windows.watermark(6_000);
    assert_eq!(windows.take(), [((2, 7, 500, 6_000), 5_999)]);
    windows.watermark(15_999);
    windows.record((2, 8), 2_000);
    assert_eq!(windows.late(), [(2, 8)], "the session is forgotten");
    windows.record((1, 1), 20_000);
    windows.end();
    assert_eq!(windows.take(), [((1, 1, 20_000, 23_000), 22_999)]);
}

#[test]
fn a_record_without_open_session_is_late_on_its_own() {
    let mut windows = event_time(3_000, lateness(0));
    windows.record((2, 1), 5_000);
    windows.watermark(4_000);
    // Its own window would be over at the watermark, but it belongs to a session that is not.
    windows.record((2, 2), 2_500);
    windows.record((1, 4), 1_000);
    assert_eq!(windows.late(), [(1, 4)]);
    windows.end();
    assert_eq!(windows.take(), [((2, 3, 2_500, 8_000), 7_999)]);
}

#[test]
fn a_dynamic_gap_depends_on_the_record() {
    let assigner = EventTimeSessionWindows::with_dynamic_gap(|pair: &Pair| ms(pair.1 * 1_000));
    let mut windows = sessions(assigner, EventTimeTrigger::create(), lateness(0));
    windows.records([(1, 9, 10), (1, 1, 1_000), (1, 5, 20_000), (1, 5, 9_000)]);
    windows.end();
    let expected = [((1, 15, 10, 14_000), 13_999), ((1, 5, 20_000, 25_000), 24_999)];
    assert_eq!(windows.take(), expected);
    let Err(TaskEnd::Failed(cause)) = windows.try_record((1, 0), 30_000) else { panic!("it must fail") };
    assert!(cause.message.contains("at least 1 ms"), "{}", cause.message);
}

#[test]
fn sessions_in_processing_time() {
    let assigner = ProcessingTimeSessionWindows::with_gap(ms(3_000));
    let mut windows = sessions(assigner, ProcessingTimeTrigger::create(), lateness(0));
    windows.time(3);
    windows.record((2, 1), 1);
    windows.time(1_000);
    windows.record((2, 2), 1_002);
    windows.time(5_000);
    assert_eq!(windows.take(), [((2, 3, 3, 4_000), 3_999)]);
    windows.records([(2, 1, 5_000), (2, 1, 5_000), (1, 1, 5_000), (1, 1, 5_000), (1, 1, 5_000)]);
    windows.time(10_000);
    assert_eq!(windows.take(), [((1, 3, 5_000, 8_000), 7_999), ((2, 2, 5_000, 8_000), 7_999)]);
}

/// Windows whose union ends where the first of them does.
#[derive(Clone)]
struct Shrinking;

impl WindowAssigner<Pair> for Shrinking {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn assign(
        &self,
        pair: &Pair,
        _: Timestamp,
        _: &AssignerContext,
        windows: &mut Vec<TimeWindow>,
    ) -> std::result::Result<(), crate::BoxError> {
        windows.push(TimeWindow::new(0.into(), (pair.1 as i64).into()));
        Ok(())
    }

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger::create()
    }

    fn time_domain(&self) -> TimeDomain {
        TimeDomain::EventTime
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merged(&self, one: &TimeWindow, other: &TimeWindow) -> Option<TimeWindow> {
        Some(TimeWindow::new(0.into(), one.end().min(other.end())))
    }
}

#[test]
fn windows_must_not_merge_into_the_past() {
    let mut windows = sessions(Shrinking, EventTimeTrigger::create(), lateness(0));
    windows.record((1, 1_000), 5);
    windows.watermark(500);
    let Err(TaskEnd::Failed(cause)) = windows.try_record((1, 300), 6) else { panic!("it must fail") };
    assert!(cause.message.contains("over already"), "{}", cause.message);
    assert_eq!(cause.operator.as_deref(), Some("windows"));
}
