//! What snapshots and broadcast functions see of all keys.

use std::collections::{BTreeMap, BTreeSet};

use flott_core::key_group::key_group;
use serde::de::DeserializeOwned;

use super::*;
use crate::Encode;

fn decode<T: DeserializeOwned>(value: &dyn Encode) -> T {
    let mut bytes = vec![0xff]; // encoding appends
    value.encode(&mut bytes).unwrap();
    let (value, rest) = postcard::take_from_bytes(&bytes[1..]).unwrap();
    assert!(rest.is_empty());
    value
}

#[test]
fn all_entries_are_shown_by_key_group() {
    let mut state = KeyedState::<u64>::new(SubtaskIndex(1), 2, 8);
    assert_eq!(state.key_groups(), 4..8);
    let value = state.value::<String>("value").unwrap();
    let list = state.in_namespace::<u8>().list::<u32>("list").unwrap();
    let map = state.map::<u8, u8>("map").unwrap();
    let keys: Vec<_> = (0..200).filter(|key| key_group(stable_hash(key), 8) >= 4).collect();
    for &key in &keys {
        use_key(&mut state, key);
        state.set_namespace(&7u8);
        value.set(&mut state, key.to_string());
        list.extend(&mut state, [1, key as u32]);
        map.insert(&mut state, key as u8, 1);
    }
    let mut shown = BTreeMap::<String, BTreeSet<u64>>::new();
    for group in state.key_groups() {
        state.visit_group(group, &mut |entry| {
            let key = *entry.key;
            assert_eq!(key_group(stable_hash(&key), 8), group);
            match &*entry.state.name {
                "value" => {
                    assert_eq!(decode::<String>(entry.value), key.to_string());
                    decode::<()>(entry.namespace);
                }
                "list" => {
                    assert_eq!(decode::<Vec<u32>>(entry.value), [1, key as u32]);
                    assert_eq!(decode::<u8>(entry.namespace), 7);
                }
                "map" => {
                    assert_eq!(decode::<BTreeMap<u8, u8>>(entry.value), BTreeMap::from([(key as u8, 1)]))
                }
                other => panic!("{other}"),
            }
            assert!(shown.entry(entry.state.name.to_string()).or_default().insert(key));
        });
    }
    let all: BTreeSet<_> = keys.into_iter().collect();
    assert!(shown.len() == 3 && shown.values().all(|keys| *keys == all));
}

#[test]
fn with_a_time_to_live_the_times_are_shown_too() {
    let mut state = new_state::<u8>();
    let ttl = Some(StateTtl::new(Duration::from_secs(1)));
    let value = state.value::<u8>(descriptor(ttl)).unwrap();
    state.set_time(at(300));
    use_key(&mut state, 1);
    value.set(&mut state, 7);
    let mut shown = Vec::new();
    for group in state.key_groups() {
        state.visit_group(group, &mut |entry| shown.push(decode::<(u8, Timestamp)>(entry.value)));
    }
    assert_eq!(shown, [(7, at(300))]);
}

#[test]
fn each_key_of_a_state_is_visited_once_whatever_changes_meanwhile() {
    let mut state = new_state::<u64>();
    let value = state.value::<u64>("value").unwrap();
    let windows = state.in_namespace::<u8>().value::<u64>("windows").unwrap();
    for key in 0..100u64 {
        use_key(&mut state, key);
        for window in 0..3u8 {
            state.set_namespace(&window);
            windows.set(&mut state, key);
        }
        if key % 2 == 0 {
            value.set(&mut state, key);
        }
    }
    use_key(&mut state, 33);
    let mut visited = BTreeSet::new();
    state.for_each_key(value, |state| {
        let key = *state.key();
        assert_eq!(value.take(state), Some(key));
        assert!(visited.insert(key));
        use_key(state, key + 1);
        value.set(state, 0);
    });
    assert_eq!(visited, (0..100).step_by(2).collect());
    assert_eq!((*state.key(), state.hash()), (33, stable_hash(&33u64)));

    let mut visited = Vec::new();
    let stopped = state.try_for_each_key(windows, |state| {
        visited.push(*state.key());
        if visited.len() == 60 { Err("enough") } else { Ok(()) }
    });
    assert_eq!(stopped, Err("enough"));
    assert_eq!(visited.iter().collect::<BTreeSet<_>>().len(), 60);
    assert_eq!(*state.key(), 33);
}
