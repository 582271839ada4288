use std::time::Duration;

use super::*;
use crate::windowing::{GlobalWindow, TimeWindow};
use TriggerResult::{Continue, Fire, FireAndPurge, Purge};

const WINDOW: TimeWindow = TimeWindow::new(Timestamp::EPOCH, Timestamp::from_millis(1_000));

/// A trigger with the state of one key's window.
struct Watched<G, S> {
    trigger: G,
    state: S,
    timers: Vec<TimerRequest>,
    watermark: i64,
    now: i64,
}

fn watch<G: Trigger<f64, TimeWindow>>(trigger: G) -> Watched<G, G::State> {
    Watched { trigger, state: G::State::default(), timers: Vec::new(), watermark: i64::MIN, now: 0 }
}

impl<G: Trigger<f64, TimeWindow>> Watched<G, G::State> {
    fn call<R>(&mut self, call: impl FnOnce(&mut G, &mut TriggerContext<'_, G::State>) -> R) -> R {
        let (watermark, now) = (self.watermark.into(), self.now.into());
        call(&mut self.trigger, &mut TriggerContext::new(&mut self.state, &mut self.timers, watermark, now))
    }

    fn element(&mut self, record: f64, timestamp: i64) -> TriggerResult {
        self.call(|trigger, context| trigger.on_element(&record, timestamp.into(), &WINDOW, context))
    }

    fn event_time(&mut self, time: i64) -> TriggerResult {
        self.call(|trigger, context| trigger.on_event_time(time.into(), &WINDOW, context))
    }

    fn processing_time(&mut self, time: i64) -> TriggerResult {
        self.call(|trigger, context| trigger.on_processing_time(time.into(), &WINDOW, context))
    }

    fn merge(&mut self, merged: &mut [G::State]) {
        self.call(|trigger, context| trigger.on_merge(&WINDOW, merged, context));
    }

    fn clear(&mut self) {
        self.call(|trigger, context| trigger.clear(&WINDOW, context));
    }

    fn requests(&mut self) -> Vec<(TimeDomain, i64, bool)> {
        self.timers.drain(..).map(|timer| (timer.domain, timer.time.as_millis(), timer.register)).collect()
    }
}

const EVENT: TimeDomain = TimeDomain::EventTime;
const PROCESSING: TimeDomain = TimeDomain::ProcessingTime;

#[test]
fn event_time_fires_at_the_end_and_for_late_records() {
    let mut trigger = watch(EventTimeTrigger::create());
    assert_eq!(trigger.element(0.0, 5), Continue);
    assert_eq!(trigger.requests(), [(EVENT, 999, true)]);
    assert_eq!(trigger.event_time(998), Continue);
    assert_eq!(trigger.event_time(999), Fire);
    trigger.watermark = 999;
    assert_eq!(trigger.element(0.0, 5), Fire);
    trigger.merge(&mut [(), ()]);
    assert_eq!(trigger.requests(), []);
    trigger.watermark = 998;
    trigger.merge(&mut [(), ()]);
    trigger.clear();
    assert_eq!(trigger.requests(), [(EVENT, 999, true), (EVENT, 999, false)]);
}

#[test]
fn processing_time_fires_at_the_end() {
    let mut trigger = watch(ProcessingTimeTrigger::create());
    assert_eq!(trigger.element(0.0, 5), Continue);
    assert_eq!(trigger.processing_time(999), Fire);
    assert_eq!(trigger.event_time(999), Continue);
    trigger.merge(&mut [()]);
    trigger.clear();
    let timer = |register| (PROCESSING, 999, register);
    assert_eq!(trigger.requests(), [timer(true), timer(true), timer(false)]);
}

#[test]
fn counts_fire_again_and_again_and_add_up_when_merged() {
    let mut trigger = watch(CountTrigger::of(3));
    let results: Vec<_> = (0..7).map(|_| trigger.element(0.0, 5)).collect();
    assert_eq!(results, [Continue, Continue, Fire, Continue, Continue, Fire, Continue]);
    let mut merged = watch(CountTrigger::of(3));
    merged.merge(&mut [1, 1]);
    assert_eq!(merged.element(0.0, 5), Fire);
}

#[test]
fn continuous_event_time_fires_at_multiples_and_at_the_end() {
    let mut trigger = watch(ContinuousEventTimeTrigger::of(Duration::from_millis(400)));
    assert_eq!(trigger.element(0.0, 450), Continue);
    assert_eq!(trigger.element(0.0, 100), Continue);
    assert_eq!(trigger.requests(), [(EVENT, 999, true), (EVENT, 800, true), (EVENT, 999, true)]);
    assert_eq!(trigger.event_time(400), Continue, "nobody waits for this time any more");
    assert_eq!(trigger.event_time(800), Fire);
    assert_eq!(trigger.requests(), [(EVENT, 999, true)], "the next multiple is after the end");
    assert_eq!(trigger.event_time(999), Fire);
    trigger.watermark = 1_100;
    assert_eq!(trigger.element(0.0, 450), Fire, "late");
    trigger.clear();
    assert_eq!(trigger.requests(), [(EVENT, 999, false)]);
}

#[test]
fn merged_continuous_triggers_fire_at_the_earliest_time() {
    let mut trigger = watch(ContinuousEventTimeTrigger::of(Duration::from_millis(100)));
    let mut states = [Some(Timestamp::from_millis(300)), None, Some(Timestamp::from_millis(200))];
    trigger.merge(&mut states);
    assert_eq!(states, [None; 3]);
    assert_eq!(trigger.requests(), [(EVENT, 200, true)]);
    assert_eq!(trigger.event_time(200), Fire);
}

#[test]
fn the_end_of_the_input_is_no_endless_loop() {
    let mut trigger = ContinuousEventTimeTrigger::of(Duration::from_millis(100));
    let (mut state, mut timers) = (Some(Timestamp::from_millis(200)), Vec::new());
    let mut context = TriggerContext::new(&mut state, &mut timers, Timestamp::MAX, Timestamp::EPOCH);
    let result = Trigger::<f64, _>::on_event_time(&mut trigger, 200.into(), &GlobalWindow, &mut context);
    assert_eq!(result, Fire);
    assert_eq!(timers, [TimerRequest { domain: EVENT, time: Timestamp::MAX, register: true }]);
}

#[test]
fn continuous_processing_time_fires_at_multiples_of_the_clock() {
    let mut trigger = watch(ContinuousProcessingTimeTrigger::of(Duration::from_millis(400)));
    trigger.now = 150;
    assert_eq!(trigger.element(0.0, 999_999), Continue);
    assert_eq!(trigger.element(0.0, 999_999), Continue);
    assert_eq!(trigger.requests(), [(PROCESSING, 400, true)]);
    assert_eq!(trigger.processing_time(400), Fire);
    assert_eq!(trigger.requests(), [(PROCESSING, 800, true)]);
    assert_eq!(trigger.processing_time(800), Fire);
    assert_eq!(trigger.processing_time(999), Fire);
    trigger.clear();
    assert_eq!(trigger.requests(), [(PROCESSING, 999, true), (PROCESSING, 999, false)]);
}

#[test]
fn purging_drops_what_has_fired() {
    let mut trigger = watch(PurgingTrigger::of(CountTrigger::of(2)));
    assert_eq!([trigger.element(0.0, 5), trigger.element(0.0, 5)], [Continue, FireAndPurge]);
    assert!(Trigger::<f64, TimeWindow>::can_merge(&trigger.trigger));
    assert!(Purge.is_purge() && !Purge.is_fire());
}

#[test]
fn delta_compares_with_the_record_that_fired_last() {
    let mut trigger = watch(DeltaTrigger::of(10.0, |old: &f64, new: &f64| new - old));
    let results: Vec<_> = [0.0, 10.0, 11.0, 20.0, 22.0].map(|record| trigger.element(record, 5)).into();
    assert_eq!(results, [Continue, Continue, Fire, Continue, Fire]);
    assert!(!Trigger::<f64, TimeWindow>::can_merge(&trigger.trigger));
}

#[test]
fn a_timeout_fires_what_the_count_did_not() {
    let mut trigger = watch(ProcessingTimeoutTrigger::of(CountTrigger::of(2), Duration::from_millis(50)));
    assert_eq!(trigger.element(0.0, 5), Continue);
    assert_eq!(trigger.requests(), [(PROCESSING, 50, true)]);
    assert_eq!(trigger.element(0.0, 5), Fire);
    assert_eq!(trigger.requests(), [(PROCESSING, 50, false)]);
    assert_eq!(trigger.element(0.0, 5), Continue);
    assert_eq!(trigger.processing_time(50), Fire);
    assert_eq!(trigger.element(0.0, 5), Continue, "the count has begun anew");

    let timeout = ProcessingTimeoutTrigger::of(CountTrigger::of(2), Duration::from_millis(50));
    let mut trigger = watch(timeout.reset_with_each_record().keep_state_on_timeout());
    trigger.element(0.0, 5);
    trigger.now = 20;
    assert_eq!(trigger.processing_time(50), Fire);
    assert_eq!(trigger.element(0.0, 5), Fire, "the count has gone on");
}

#[test]
fn triggers_that_can_never_work_say_so() {
    fn problem(trigger: impl Trigger<f64, TimeWindow>) -> String {
        trigger.problem().unwrap_or_default()
    }
    assert!(problem(CountTrigger::of(0)).contains("at least 1"));
    assert!(problem(PurgingTrigger::of(CountTrigger::of(0))).contains("CountTrigger"));
    assert!(problem(ContinuousEventTimeTrigger::of(Duration::ZERO)).contains("interval"));
    assert!(problem(DeltaTrigger::of(f64::NAN, |_: &f64, _: &f64| 0.0)).contains("NaN"));
    assert_eq!(problem(EventTimeTrigger::create()), "");
}
