//! What broadcast functions see of all keys.

use std::collections::BTreeSet;

use super::*;

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
