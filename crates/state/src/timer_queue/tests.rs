use std::collections::BTreeMap;

use flott_core::{hash::stable_hash, key_group::key_group, time::Timestamp};
use proptest::prelude::*;

use super::*;

type Window = (u8, u8);

#[derive(Clone, Debug)]
enum Step {
    Register(i64, u16, Window),
    Delete(i64, u16, Window),
    Pop(i64),
}

fn step(times: i64, keys: u16) -> impl Strategy<Value = Step> {
    let timer = (0..times, 0..keys, (0..2u8, 0..2u8));
    prop_oneof![
        4 => timer.clone().prop_map(|(time, key, window)| Step::Register(time, key, window)),
        2 => timer.prop_map(|(time, key, window)| Step::Delete(time, key, window)),
        3 => (0..times).prop_map(Step::Pop),
    ]
}

/// Timers by time and order of registration.
#[derive(Default)]
struct Model {
    timers: BTreeMap<(i64, usize), (u16, Window)>,
    registered: usize,
}

impl Model {
    fn find(&self, time: i64, key: u16, window: Window) -> Option<(i64, usize)> {
        let mut same_time = self.timers.range((time, 0)..=(time, usize::MAX));
        same_time.find(|(_, timer)| **timer == (key, window)).map(|(at, _)| *at)
    }

    fn register(&mut self, time: i64, key: u16, window: Window) -> bool {
        let new = self.find(time, key, window).is_none();
        if new {
            self.registered += 1;
            self.timers.insert((time, self.registered), (key, window));
        }
        new
    }

    fn delete(&mut self, time: i64, key: u16, window: Window) -> bool {
        self.find(time, key, window).is_some_and(|at| self.timers.remove(&at).is_some())
    }

    fn pop(&mut self, up_to: i64) -> Option<(i64, u16, Window)> {
        let first = self.timers.first_entry().filter(|entry| entry.key().0 <= up_to)?;
        let ((time, _), (key, window)) = first.remove_entry();
        Some((time, key, window))
    }
}

fn behaves_like_the_model(steps: Vec<Step>) {
    let mut timers = TimerQueue::<u16, Window>::new();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Register(time, key, window) => assert_eq!(
                timers.register(Timestamp::from_millis(time), stable_hash(&key), &key, &window),
                model.register(time, key, window),
            ),
            Step::Delete(time, key, window) => assert_eq!(
                timers.delete(Timestamp::from_millis(time), stable_hash(&key), &key, &window),
                model.delete(time, key, window),
            ),
            Step::Pop(up_to) => {
                let timer = timers.pop_due(Timestamp::from_millis(up_to));
                if let Some(timer) = &timer {
                    assert_eq!(timer.hash, stable_hash(&timer.key));
                }
                assert_eq!(
                    timer.map(|timer| (timer.time.as_millis(), timer.key, timer.namespace)),
                    model.pop(up_to),
                );
            }
        }
        assert_eq!(timers.len(), model.timers.len());
        assert_eq!(timers.is_empty(), model.timers.is_empty());
        assert_eq!(
            timers.next().map(Timestamp::as_millis),
            model.timers.keys().next().map(|(time, _)| *time)
        );
    }
    let all: Vec<_> = timers.iter().map(|timer| (*timer.key, *timer.namespace)).collect();
    assert_eq!(all, model.timers.values().copied().collect::<Vec<_>>());

    let mut by_group = Vec::new();
    timers.visit_groups(16, |group, timer| by_group.push((group, timer.time, *timer.key, *timer.namespace)));
    let mut expected: Vec<_> = timers
        .iter()
        .map(|timer| (key_group(timer.hash, 16), timer.time, *timer.key, *timer.namespace))
        .collect();
    expected.sort_by_key(|timer| timer.0);
    assert_eq!(by_group, expected);
}

proptest! {
    #[test]
    fn timers_of_few_times_behave_like_an_ordered_map(steps in prop::collection::vec(step(3, 30), 0..250)) {
        behaves_like_the_model(steps);
    }

    #[test]
    fn timers_of_many_times_behave_like_an_ordered_map(steps in prop::collection::vec(step(40, 4), 0..150)) {
        behaves_like_the_model(steps);
    }
}

#[test]
fn a_timer_registered_again_while_its_time_is_handed_out_comes_again_at_the_end() {
    let mut timers = TimerQueue::<u64>::new();
    let due = Timestamp::from_millis(5);
    for key in 0..100 {
        timers.register(due, stable_hash(&key), &key, &());
    }
    let mut keys = Vec::new();
    while let Some(timer) = timers.pop_due(due) {
        if keys.len() < 100 {
            assert!(timers.register(timer.time, timer.hash, &timer.key, &()));
        }
        keys.push(timer.key);
    }
    assert_eq!(keys, (0..100).chain(0..100).collect::<Vec<_>>());
}

#[test]
fn registering_and_deleting_in_turn_does_not_fill_the_memory() {
    let mut timers = TimerQueue::<u64>::new();
    let time = Timestamp::EPOCH;
    for key in 0..20 {
        timers.register(time, stable_hash(&key), &key, &());
    }
    for key in 20..10_000u64 {
        timers.register(time, stable_hash(&key), &key, &());
        timers.delete(time, stable_hash(&key), &key, &());
    }
    let Some(Bucket::Many(bucket)) = timers.times.get(&time) else { panic!("there are many timers") };
    assert!(bucket.capacity() < 200, "20 timers take {} places", bucket.capacity());
    assert!(timers.iter().map(|timer| *timer.key).eq(0..20));
}

#[test]
fn timers_at_the_ends_of_time_are_handed_out() {
    let mut timers = TimerQueue::<u8>::new();
    for time in [Timestamp::MAX, Timestamp::MIN, Timestamp::EPOCH] {
        timers.register(time, stable_hash(&1), &1, &());
    }
    let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(Timestamp::MAX)).map(|timer| timer.time).collect();
    assert_eq!(due, [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX]);
}
