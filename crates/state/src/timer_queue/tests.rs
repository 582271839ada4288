use std::collections::BTreeMap;

use flott_core::{
    CheckpointId,
    hash::stable_hash,
    key_group::{key_group, subtask_of_group},
    time::Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::{KeyedSnapshot, testing::Files};

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
    let mut timers = new_queue::<u16, Window>();
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
    let mut files = Files::default();
    let snapshot = files.checkpoint(&mut timers, 1);
    let all: Vec<_> = std::iter::from_fn(|| timers.pop_due(Timestamp::MAX)).collect();
    let shown = |timers: &[Timer<u16, Window>]| {
        timers.iter().map(|timer| (timer.key, timer.namespace)).collect::<Vec<_>>()
    };
    assert_eq!(shown(&all), model.timers.values().copied().collect::<Vec<_>>());

    // The same order after a restore.
    let mut restored = new_queue::<u16, Window>();
    files.restore(&snapshot, &mut restored, true).unwrap();
    assert_eq!(restored.len(), all.len());
    assert_eq!(std::iter::from_fn(|| restored.pop_due(Timestamp::MAX)).collect::<Vec<_>>(), all);

    // In more subtasks and back again in one, at least the timers of each key.
    let of_keys = |timers: Vec<Timer<u16, Window>>| {
        let mut keys = BTreeMap::<u16, Vec<_>>::new();
        timers.into_iter().for_each(|timer| keys.entry(timer.key).or_default().push(timer));
        keys
    };
    let mut back = new_queue::<u16, Window>();
    for subtask in 0..3 {
        let mut part = TimerQueue::<u16, Window>::of_subtask(SubtaskIndex(subtask), 3, 16);
        files.restore(&snapshot, &mut part, false).unwrap();
        let snapshot = files.snapshot(&mut part, 1, false);
        while let Some(timer) = part.pop_due(Timestamp::MAX) {
            assert_eq!(subtask_of_group(key_group(timer.hash, 16), 3, 16), SubtaskIndex(subtask));
        }
        files.restore(&snapshot, &mut back, false).unwrap();
    }
    assert_eq!(of_keys(std::iter::from_fn(|| back.pop_due(Timestamp::MAX)).collect()), of_keys(all));
}

fn new_queue<K: Key, N: Namespace>() -> TimerQueue<K, N> {
    TimerQueue::of_subtask(SubtaskIndex(0), 1, 16)
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
    let mut timers = new_queue::<u64, ()>();
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
    let mut timers = new_queue::<u64, ()>();
    let time = Timestamp::EPOCH;
    for key in 0..20 {
        timers.register(time, stable_hash(&key), &key, &());
    }
    for key in 20..10_000u64 {
        timers.register(time, stable_hash(&key), &key, &());
        timers.delete(time, stable_hash(&key), &key, &());
    }
    let handles = timers.times[&time].handles();
    assert!(handles.len() < 100, "20 timers have {} handles", handles.len());
    let keys = std::iter::from_fn(|| timers.pop_due(time)).map(|timer| timer.key);
    assert!(keys.eq(0..20));
}

#[test]
fn a_snapshot_has_the_timers_that_stood_when_it_began() {
    let mut timers = new_queue::<u64, ()>();
    let register = |timers: &mut TimerQueue<u64>, time, key: u64| {
        timers.register(Timestamp::from_millis(time), stable_hash(&key), &key, &());
    };
    (0..10_000u64).for_each(|key| register(&mut timers, key as i64 % 10, key));
    let mut files = Files::default();
    let first = files.checkpoint(&mut timers, 1);
    timers.begin(CheckpointId(2), true);
    for key in 0..2_000 {
        timers.pop_due(Timestamp::from_millis(1));
        register(&mut timers, 20, key);
        timers.delete(Timestamp::from_millis(9), stable_hash(&(key * 10 + 9)), &(key * 10 + 9), &());
    }
    let mut second = Default::default();
    assert!(files.write_some(&mut timers, &mut second, usize::MAX));
    assert_eq!((second.written, second.referred), (0, first.written));
    let mut restored = new_queue::<u64, ()>();
    files.restore(&second, &mut restored, true).unwrap();
    let expected = (0..10).flat_map(|time| (0..1_000).map(move |i| (time, i * 10 + time as u64)));
    let popped = std::iter::from_fn(|| restored.pop_due(Timestamp::MAX));
    assert!(popped.map(|timer| (timer.time.as_millis(), timer.key)).eq(expected));
}

#[test]
fn timers_at_the_ends_of_time_are_handed_out() {
    let mut timers = new_queue::<u8, ()>();
    for time in [Timestamp::MAX, Timestamp::MIN, Timestamp::EPOCH] {
        timers.register(time, stable_hash(&1), &1, &());
    }
    let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(Timestamp::MAX)).map(|timer| timer.time).collect();
    assert_eq!(due, [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX]);
}
