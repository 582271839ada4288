use super::*;
use crate::windowing::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountEvictor, CountTrigger, DeltaTrigger,
    Evicting, Evictor, EvictorContext, GlobalWindow, GlobalWindows, Listed, ProcessingTimeoutTrigger,
    PurgingTrigger, TimeEvictor, TimeWindow, Timestamped, TriggerContext, TriggerResult, Window,
};

fn evicting<E, G>(evictor: E, trigger: G) -> Harness<Pair>
where
    E: Evictor<Pair, GlobalWindow>,
    G: Trigger<Pair, GlobalWindow>,
{
    Harness::new(|context, next| {
        let store = Evicting { contents: sum().0, evictor };
        let assigner = GlobalWindows::create();
        WindowOperator::new(context, by_key(), assigner, trigger, store, EmitValue, lateness(0), next)
    })
}

#[test]
fn counts_fire_global_windows() {
    let mut windows = sums_with(GlobalWindows::create(), CountTrigger::of(2), lateness(0));
    windows.records([(1, 1, 0), (2, 1, 0), (1, 1, 0), (1, 1, 0), (1, 1, 0)]);
    assert_eq!(windows.take(), [((1, 2), i64::MAX), ((1, 4), i64::MAX)]);
    windows.end();
    assert_eq!(windows.take(), [], "what was not enough is never given");
}

#[test]
fn global_windows_can_fire_at_the_end() {
    let mut windows = sums(GlobalWindows::create_with_end_of_stream_trigger(), lateness(0));
    windows.records([(1, 1, i64::MIN), (2, 1, 7), (1, 1, i64::MIN)]);
    windows.watermark(100);
    assert_eq!(windows.take(), []);
    windows.end();
    assert_eq!(windows.take(), [((1, 2), i64::MAX), ((2, 1), i64::MAX)]);
}

#[test]
fn count_windows_leave_nothing_behind() {
    let trigger = PurgingTrigger::of(CountTrigger::of(2));
    let next = Downstream::new(Box::new(crate::testing::Collected::<Pair>::default()), Default::default());
    let context = crate::testing::operator("windows");
    let assigner = GlobalWindows::create();
    let mut operator =
        WindowOperator::new(context, by_key(), assigner, trigger, sum(), EmitValue, lateness(0), next)
            .unwrap();
    for key in 0..100 {
        operator.emit(&mut vec![(key, 1), (key, 1)].into()).unwrap();
    }
    assert!(operator.windows.is_empty());
    operator.emit(&mut vec![(7, 1)].into()).unwrap();
    assert_eq!(operator.windows.len(), 1);
}

#[test]
fn the_last_records_slide() {
    let mut windows = evicting(CountEvictor::of(4), CountTrigger::of(2));
    windows.records([
        (2, 1, 0),
        (2, 2, 0),
        (2, 4, 0),
        (1, 1, 0),
        (1, 2, 0),
        (2, 8, 0),
        (2, 16, 0),
        (2, 32, 0),
    ]);
    let results: Vec<_> = windows.take().into_iter().map(|(pair, _)| pair).collect();
    assert_eq!(results, [(1, 3), (2, 3), (2, 15), (2, 4 + 8 + 16 + 32)]);
}

#[test]
fn records_can_be_evicted_when_they_have_been_seen() {
    let mut windows = evicting(CountEvictor::of(1).after(), CountTrigger::of(2));
    windows.records([(2, 1, 0), (2, 2, 0), (2, 4, 0), (2, 8, 0)]);
    assert_eq!(windows.take(), [((2, 3), i64::MAX), ((2, 14), i64::MAX)]);
}

#[test]
fn a_delta_fires_what_is_recent() {
    let delta = DeltaTrigger::of(49.0, |old: &Pair, new: &Pair| new.1 as f64 - old.1 as f64);
    let mut windows = evicting(TimeEvictor::of(ms(10_000)), delta);
    windows.records([(1, 0, 0), (1, 30, 5_000), (1, 49, 9_000), (1, 60, 12_000), (1, 110, 16_000)]);
    // The record at 0 is older than 10 s by 12 s, and that at 5 s by 16 s.
    assert_eq!(windows.take(), [((1, 30 + 49 + 60), i64::MAX), ((1, 49 + 60 + 110), i64::MAX)]);
}

/// Lets nothing through.
#[derive(Clone)]
struct Everything;

impl Evictor<Pair, TimeWindow> for Everything {
    fn evict_before(&mut self, records: &mut Vec<Timestamped<Pair>>, _: &TimeWindow, _: &EvictorContext) {
        records.clear();
    }
}

#[test]
fn a_window_without_records_gives_what_there_is_of_none() {
    fn run<C: crate::windowing::Contents<Pair, Value: Record + Ord>>(contents: C) -> Vec<(C::Value, i64)> {
        let mut windows = Harness::new(|context, next| {
            let store = Evicting { contents, evictor: Everything };
            let (assigner, trigger) = (TumblingEventTimeWindows::of(ms(10)), EventTimeTrigger::create());
            WindowOperator::new(context, by_key(), assigner, trigger, store, EmitValue, lateness(5), next)
        });
        windows.record((1, 1), 3);
        windows.watermark(9);
        windows.record((1, 2), 3);
        windows.end();
        windows.take()
    }
    assert_eq!(run(Listed), [(vec![], 9), (vec![], 9)]);
    assert_eq!(run(sum().0), []);
}

#[test]
fn early_results_come_at_intervals() {
    let trigger = ContinuousEventTimeTrigger::of(ms(1_000));
    let mut windows = sums_with(TumblingEventTimeWindows::of(ms(3_000)), trigger, lateness(0));
    windows.record((1, 1), 500);
    windows.watermark(1_000);
    assert_eq!(windows.take(), [((1, 1), 2_999)]);
    windows.record((1, 1), 1_500);
    windows.watermark(2_999);
    assert_eq!(windows.take(), [((1, 2), 2_999), ((1, 2), 2_999)]);
}

#[test]
fn early_results_come_at_intervals_of_the_clock() {
    let trigger = ContinuousProcessingTimeTrigger::of(ms(1_000));
    let mut windows = sums_with(TumblingProcessingTimeWindows::of(ms(2_500)), trigger, lateness(0));
    windows.time(100);
    windows.record((1, 1), 0);
    for (now, expected) in [(999, 0), (1_000, 1), (2_000, 1), (2_499, 1), (3_000, 0)] {
        windows.time(now);
        assert_eq!(windows.take(), vec![((1, 1), 2_499); expected], "at {now}");
    }
}

#[test]
fn a_timeout_fires_what_the_count_did_not() {
    let trigger = ProcessingTimeoutTrigger::of(PurgingTrigger::of(CountTrigger::of(3)), ms(100));
    let mut windows = sums_with(GlobalWindows::create(), trigger, lateness(0));
    windows.records([(1, 1, 0), (2, 1, 0), (1, 1, 0), (1, 1, 0)]);
    assert_eq!(windows.take(), [((1, 3), i64::MAX)]);
    windows.time(100);
    assert_eq!(windows.take(), [((2, 1), i64::MAX)]);
}

#[test]
fn in_batch_mode_all_timers_fire_at_the_end_and_set_no_others() {
    use flott_core::job_config::RuntimeMode;
    let trigger = ContinuousEventTimeTrigger::of(ms(1_000));
    let mut windows = Harness::in_mode(RuntimeMode::Batch, |context, next| {
        let assigner = TumblingEventTimeWindows::of(ms(10_000));
        WindowOperator::new(context, by_key(), assigner, trigger, sum(), EmitValue, lateness(0), next)
    });
    windows.records([(1, 1, 8_500), (1, 1, 500)]);
    windows.end();
    assert_eq!(windows.take(), [((1, 2), 9_999), ((1, 2), 9_999)], "once early, and at the end");

    let mut windows = Harness::in_mode(RuntimeMode::Batch, |context, next| {
        let assigner = TumblingProcessingTimeWindows::of(ms(10_000));
        let trigger = crate::windowing::ProcessingTimeTrigger::create();
        WindowOperator::new(context, by_key(), assigner, trigger, sum(), EmitValue, lateness(0), next)
    });
    windows.record((1, 1), i64::MIN);
    windows.end();
    assert_eq!(windows.take(), [((1, 1), 9_999)]);
}

/// Gives the timer back that ends the window, too.
#[derive(Clone)]
struct Careless;

impl Trigger<Pair, TimeWindow> for Careless {
    type State = ();

    fn on_element(
        &mut self,
        _: &Pair,
        _: Timestamp,
        window: &TimeWindow,
        context: &mut TriggerContext<'_>,
    ) -> TriggerResult {
        context.register_event_time_timer(window.max_timestamp());
        context.delete_event_time_timer(window.max_timestamp());
        TriggerResult::Fire
    }

    fn clear(&mut self, _: &TimeWindow, _: &mut TriggerContext<'_>) {}
}

#[test]
fn a_window_ends_whatever_its_trigger_does() {
    let mut windows = sums_with(TumblingEventTimeWindows::of(ms(10)), Careless, lateness(0));
    windows.records([(1, 1, 3), (1, 1, 4)]);
    assert_eq!(windows.take(), [((1, 1), 9), ((1, 2), 9)]);
    windows.watermark(9);
    windows.record((1, 1), 3);
    assert_eq!(windows.late(), [(1, 1)]);
}
