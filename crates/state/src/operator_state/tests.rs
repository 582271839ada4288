use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn behaves_like_a_map(changes: Vec<(u8, Option<u32>)>, threshold: u8) {
        let mut state = OperatorState::new();
        let map = state.broadcast::<u8, u32>("map").unwrap();
        let mut expected = BTreeMap::new();
        for (key, value) in changes {
            match value {
                Some(value) if value % 3 == 0 => {
                    let value = *map.get_or_insert_with(&mut state, key, || value);
                    prop_assert_eq!(value, *expected.entry(key).or_insert(value));
                }
                Some(value) => prop_assert_eq!(map.insert(&mut state, key, value), expected.insert(key, value)),
                None => prop_assert_eq!(map.remove(&mut state, &key), expected.remove(&key)),
            }
            prop_assert_eq!(map.get(&state, &key), expected.get(&key));
            prop_assert_eq!(map.contains(&state, &key), expected.contains_key(&key));
            prop_assert_eq!(map.len(&state), expected.len());
        }
        map.retain(&mut state, |key, _| *key >= threshold);
        expected.retain(|key, _| *key >= threshold);
        prop_assert_eq!(map.iter(&state).map(|(key, value)| (*key, *value)).collect::<BTreeMap<_, _>>(), expected.clone());

        let stored = state.store().unwrap();
        let mut registered_before = OperatorState::new();
        let before = registered_before.broadcast::<u8, u32>("map").unwrap();
        let mut registered_after = OperatorState::new();
        for stored in stored {
            registered_before.restore(stored.clone()).unwrap();
            registered_after.restore(stored).unwrap();
        }
        prop_assert_eq!(registered_after.store().unwrap(), state.store().unwrap());
        let after = registered_after.broadcast::<u8, u32>("map").unwrap();
        for (map, state) in [(before, registered_before), (after, registered_after)] {
            prop_assert_eq!(map.iter(&state).map(|(key, value)| (*key, *value)).collect::<BTreeMap<_, _>>(), expected.clone());
        }
        map.clear(&mut state);
        prop_assert!(map.is_empty(&state));
    }
}

#[test]
fn a_name_stands_for_one_state() {
    let mut state = OperatorState::new();
    let rules = state.broadcast::<u8, String>("rules").unwrap();
    rules.insert(&mut state, 1, "all".to_owned());
    let same = state.broadcast::<u8, String>("rules").unwrap();
    assert_eq!(same.get(&state, &1).unwrap(), "all");

    let error = state.broadcast::<u8, u64>("rules").unwrap_err();
    assert_eq!(
        error.to_string(),
        "state `rules` is already registered as a broadcast state of u8 to alloc::string::String and cannot also be a \
         broadcast state of u8 to u64: give one of them another name"
    );
}

#[test]
#[should_panic(expected = "belongs to another operator or to none")]
fn a_handle_that_leads_nowhere_is_not_used() {
    BroadcastState::<u8, u8>::default().get(&OperatorState::new(), &1);
}
