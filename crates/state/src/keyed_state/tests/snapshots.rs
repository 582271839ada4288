//! Snapshots of all states of an operator, and what they become in other versions of it.

use std::collections::BTreeMap;

use flott_core::{
    CheckpointId,
    key_group::{key_group, subtask_of_group},
};
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    KeyedSnapshot, ListState, MapState, ReducingState, ValueState,
    testing::{Files, Snapshot},
};

const GROUPS: u32 = 16;

/// One state of each kind.
struct States {
    state: KeyedState<u32>,
    value: ValueState<String>,
    list: ListState<u32, u8>,
    map: MapState<u8, u32>,
    sum: ReducingState<u64>,
}

impl States {
    fn new(subtask: u32, parallelism: u32, ttl: Option<StateTtl>) -> Self {
        let mut state = KeyedState::new(SubtaskIndex(subtask), parallelism, GROUPS);
        let descriptor = |name: &str| match ttl {
            Some(ttl) => StateDescriptor::new(name).ttl(ttl),
            None => StateDescriptor::new(name),
        };
        Self {
            value: state.value(descriptor("value")).unwrap(),
            list: state.in_namespace().list(descriptor("list")).unwrap(),
            map: state.map(descriptor("map")).unwrap(),
            sum: state.reducing(descriptor("sum"), |sum, value| *sum += value).unwrap(),
            state,
        }
    }

    fn change(&mut self, key: u32, what: u8) {
        let Self { state, value, list, map, sum } = self;
        use_key(state, key);
        state.set_namespace(&(what % 3));
        match what % 8 {
            0 => value.set(state, format!("{key} {what}")),
            1 => list.push(state, u32::from(what)),
            2 => drop(map.insert(state, what / 8, key)),
            3 => sum.add(state, u64::from(what)),
            4 => value.clear(state),
            5 => list.retain(state, |element| element % 2 == 0),
            6 => drop(map.remove(state, &(what / 8))),
            _ => sum.clear(state),
        }
    }

    /// All that can be seen.
    fn content(&mut self) -> BTreeMap<u32, String> {
        let mut content = BTreeMap::new();
        for key in 0..300 {
            if !self.state.key_groups().contains(&key_group(stable_hash(&key), GROUPS)) {
                continue;
            }
            use_key(&mut self.state, key);
            let state = &mut self.state;
            let lists = [0, 1, 2u8].map(|namespace| {
                state.set_namespace(&namespace);
                self.list.get(state).to_vec()
            });
            let map: BTreeMap<_, _> = self.map.iter(state).collect();
            let seen = (self.value.get(state), lists, map, self.sum.get(state));
            if seen != (None, [vec![], vec![], vec![]], BTreeMap::new(), None) {
                content.insert(key, format!("{seen:?}"));
            }
        }
        content
    }
}

fn changes() -> impl Strategy<Value = Vec<(u32, u8)>> {
    prop::collection::vec((0..300u32, any::<u8>()), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn all_states_are_as_they_were_at_the_barrier(
        before in changes(),
        during in changes(),
        after in changes(),
        budget in 1..20usize,
    ) {
        let mut states = States::new(0, 1, None);
        before.into_iter().for_each(|(key, what)| states.change(key, what));
        let mut files = Files::default();
        files.checkpoint(&mut states.state, 1);
        after.into_iter().for_each(|(key, what)| states.change(key, what));
        let expected = states.content();

        let mut snapshot = Snapshot::default();
        states.state.begin(CheckpointId(2), true);
        let mut during = during.into_iter();
        while !files.write_some(&mut states.state, &mut snapshot, budget) {
            during.by_ref().take(20).for_each(|(key, what)| states.change(key, what));
        }
        let mut restored = States::new(0, 1, None);
        files.restore(&snapshot, &mut restored.state, true).unwrap();
        prop_assert_eq!(restored.content(), expected);
        // Nothing has changed since.
        restored.state.completed(CheckpointId(1));
        prop_assert_eq!(files.snapshot(&mut restored.state, 3, true).written, 0);
    }

    #[test]
    fn state_moves_to_other_subtasks_and_back(before in changes(), p in 1..5u32, q in 1..5u32) {
        let mut whole = States::new(0, 1, None);
        before.into_iter().for_each(|(key, what)| whole.change(key, what));
        let expected = whole.content();
        let mut files = Files::default();
        let mut snapshots = vec![files.snapshot(&mut whole.state, 1, true)];
        for parallelism in [p, q, p] {
            let mut content = BTreeMap::new();
            let mut next = Vec::new();
            for subtask in 0..parallelism {
                let mut states = States::new(subtask, parallelism, None);
                for snapshot in &snapshots {
                    files.restore(snapshot, &mut states.state, true).unwrap();
                }
                let part = states.content();
                for key in part.keys() {
                    let group = key_group(stable_hash(key), GROUPS);
                    prop_assert_eq!(subtask_of_group(group, parallelism, GROUPS), SubtaskIndex(subtask));
                }
                content.extend(part);
                next.push(files.checkpoint(&mut states.state, 2));
            }
            prop_assert_eq!(&content, &expected);
            snapshots = next;
        }
    }

    #[test]
    fn what_expires_does_so_as_if_nothing_had_happened(
        ttl in any_ttl(),
        before in changes(),
        after in prop::collection::vec((0..20u32, any::<u8>(), 0..LIFE), 1..60),
    ) {
        let mut states = States::new(0, 1, ttl);
        let mut now = 0;
        for (i, (key, what)) in before.into_iter().enumerate() {
            now += i64::from(i % 40 == 0);
            states.state.set_time(at(now));
            states.change(key % 20, what);
        }
        let mut files = Files::default();
        let first = files.checkpoint(&mut states.state, 1);
        for read in 0..20 {
            // Reading may prolong lives.
            use_key(&mut states.state, read);
            let _ = (states.value.get(&states.state), states.sum.get(&states.state));
            let _ = states.map.get(&states.state, &(read as u8));
        }
        let second = files.snapshot(&mut states.state, 2, true);
        prop_assert!(second.segments.len() <= first.segments.len());
        let mut restored = States::new(0, 1, ttl);
        restored.state.set_time(at(now));
        files.restore(&second, &mut restored.state, true).unwrap();
        for (key, what, later) in after {
            now += later;
            for states in [&mut states, &mut restored] {
                states.state.set_time(at(now));
                states.change(key, what);
            }
            use_key(&mut states.state, key);
            use_key(&mut restored.state, key);
            prop_assert_eq!(states.value.get(&states.state), restored.value.get(&restored.state));
            prop_assert_eq!(states.sum.get(&states.state), restored.sum.get(&restored.state));
        }
        prop_assert_eq!(states.content(), restored.content());
    }
}

#[test]
fn states_may_be_registered_after_they_are_restored_or_never() {
    let mut states = States::new(0, 1, None);
    (0..200u32).for_each(|key| (0..4).for_each(|what| states.change(key, what)));
    let expected = states.content();
    let mut files = Files::default();
    let snapshot = files.checkpoint(&mut states.state, 1);

    let mut later = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
    files.restore(&snapshot, &mut later, true).unwrap();
    assert!(later.is_empty());
    let value = later.value::<String>("value").unwrap();
    assert_eq!(later.len(), 200);
    // The others are carried along, and also referred to.
    let second = files.checkpoint(&mut later, 2);
    assert_eq!((second.written, second.referred), (0, snapshot.segments.len()));
    use_key(&mut later, 1);
    value.set(&mut later, "new".to_owned());
    let third = files.snapshot(&mut later, 3, false);
    assert_eq!(third.referred, 0);

    let mut again = States::new(0, 1, None);
    files.restore(&third, &mut again.state, false).unwrap();
    let mut content = again.content();
    assert!(content[&1].contains("new"));
    content.insert(1, expected[&1].clone());
    assert_eq!(content, expected);

    // While a snapshot is written, too.
    let mut late = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
    files.restore(&snapshot, &mut late, false).unwrap();
    late.begin(CheckpointId(4), true);
    let mut fourth = Snapshot::default();
    assert!(!files.write_some(&mut late, &mut fourth, 3));
    let sum = late.reducing::<u64>("sum", |sum, value| *sum += value).unwrap();
    use_key(&mut late, 1);
    sum.clear(&mut late);
    assert!(files.write_some(&mut late, &mut fourth, usize::MAX));
    let mut again = States::new(0, 1, None);
    files.restore(&fourth, &mut again.state, false).unwrap();
    assert_eq!(again.content(), expected);
    late.completed(CheckpointId(4));
    let fifth = files.checkpoint(&mut late, 5);
    let mut again = States::new(0, 1, None);
    files.restore(&fifth, &mut again.state, false).unwrap();
    assert_eq!(again.content().len(), 200);
    use_key(&mut again.state, 1);
    assert_eq!(again.sum.get(&again.state), None);
}

#[derive(Serialize, Deserialize)]
struct V1 {
    name: String,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct V2 {
    name: String,
    age: Option<u8>,
}

/// A snapshot with a `V1`, a list and a map of such, all of key 1.
fn of_v1() -> (Files, Snapshot) {
    let mut state = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
    let value = state.value::<V1>("value").unwrap();
    let list = state.list::<V1>("list").unwrap();
    let map = state.map::<u8, V1>("map").unwrap();
    use_key(&mut state, 1);
    let v1 = |name: &str| V1 { name: name.to_owned() };
    value.set(&mut state, v1("a"));
    list.extend(&mut state, [v1("b"), v1("c")]);
    map.insert(&mut state, 4, v1("d"));
    let mut files = Files::default();
    let snapshot = files.snapshot(&mut state, 1, true);
    (files, snapshot)
}

#[test]
fn values_become_those_of_a_later_type() {
    let (mut files, snapshot) = of_v1();
    let mut state = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
    let value = state.value::<V2>("value").unwrap();
    files.restore(&snapshot, &mut state, true).unwrap();
    let list = state.list::<V2>("list").unwrap();
    let migrating = StateDescriptor::new("map").migrate_from(|old: V1| old.name.len() as u64);
    let map = state.map::<u8, u64>(migrating).unwrap();
    use_key(&mut state, 1);
    let v2 = |name: &str| V2 { name: name.to_owned(), age: None };
    assert_eq!(value.get(&state), Some(&v2("a")));
    assert_eq!(list.get(&state), [v2("b"), v2("c")]);
    assert_eq!(map.get(&state, &4), Some(&1));
    // What was read in another way must be written anew.
    assert_eq!(files.snapshot(&mut state, 2, true).referred, 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (files, snapshot) = of_v1();
    let restore = |register: &dyn Fn(&mut KeyedState<u32>) -> Result<(), crate::Error>| {
        let mut before = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
        register(&mut before).unwrap();
        let mut after = KeyedState::<u32>::new(SubtaskIndex(0), 1, GROUPS);
        files.restore(&snapshot, &mut after, true).unwrap();
        let errors = [files.restore(&snapshot, &mut before, true), register(&mut after)];
        let [first, second] = errors.map(|error| error.unwrap_err().to_string());
        assert_eq!(first, second);
        first
    };
    let text = restore(&|state| state.value::<u64>("value").map(drop));
    assert!(text.starts_with("state `value` cannot be restored: its values do not fit: "), "{text}");
    assert!(text.contains("{ name: String }") && text.contains("migrate_from"), "{text}");
    let text = restore(&|state| state.list::<V1>("value").map(drop));
    assert!(text.contains("has a value state of this name, the job a list state"), "{text}");
    let text = restore(&|state| state.in_namespace::<u8>().value::<V1>("value").map(drop));
    assert!(text.contains("namespaces"), "{text}");
    let text = restore(&|state| state.map::<String, V1>("map").map(drop));
    assert!(text.contains("map keys"), "{text}");

    let mut other_keys = KeyedState::<String>::new(SubtaskIndex(0), 1, GROUPS);
    other_keys.value::<V1>("value").unwrap();
    let text = files.restore(&snapshot, &mut other_keys, true).unwrap_err().to_string();
    assert!(text.contains("its keys are of type `u32` in the snapshot and of type `String`"), "{text}");
}

#[test]
fn a_time_to_live_may_come_and_go() {
    let mut plain = States::new(0, 1, None);
    (0..100u32).for_each(|key| (0..4).for_each(|what| plain.change(key, what)));
    let expected = plain.content();
    let mut files = Files::default();
    let snapshot = files.snapshot(&mut plain.state, 1, true);
    let ttl = Some(StateTtl::new(Duration::from_millis(LIFE as u64)));
    let mut aging = States::new(0, 1, ttl);
    aging.state.set_time(at(1_000));
    files.restore(&snapshot, &mut aging.state, true).unwrap();
    // Lives begin with the restore.
    aging.state.set_time(at(1_000 + LIFE - 1));
    assert_eq!(aging.content(), expected);
    let snapshot = files.snapshot(&mut aging.state, 2, true);
    assert_eq!(snapshot.referred, 0);
    aging.state.set_time(at(1_000 + LIFE));
    assert_eq!(aging.content(), BTreeMap::new());

    let mut plain = States::new(0, 1, None);
    plain.state.set_time(at(5_000));
    files.restore(&snapshot, &mut plain.state, true).unwrap();
    assert_eq!(plain.content(), expected);
}
