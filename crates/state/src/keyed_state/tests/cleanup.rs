//! What has expired goes, also if nobody asks for it.

use super::*;
use crate::{StateContext, testing::Files};

fn expiring() -> StateDescriptor {
    descriptor(Some(StateTtl::new(Duration::from_millis(LIFE as u64))))
}

/// Writes 1,000 keys, lets them expire and tells the time until they are gone.
fn is_emptied(mut state: KeyedState<u64>, write: impl Fn(&mut KeyedState<u64>)) {
    for key in 0..1_000 {
        use_key(&mut state, key);
        write(&mut state);
    }
    assert_eq!(state.len(), 1_000);
    for millis in 0..LIFE {
        state.set_time(at(millis));
    }
    assert_eq!(state.len(), 1_000, "at {}: one millisecond is left", LIFE - 1);
    state.set_time(at(LIFE));
    let turns = (0..2_000).take_while(|_| {
        state.set_time(at(LIFE));
        !state.is_empty()
    });
    let turns = turns.count();
    assert!((100..1_000).contains(&turns), "it took {turns} turns of 5 to look at 1,000 entries");
}

#[test]
fn of_keys_that_never_come_again_nothing_stays() {
    let mut state = new_state();
    let value = state.value::<u64>(expiring()).unwrap();
    is_emptied(state, |state| value.set(state, 1));

    let mut state = new_state();
    let list = state.list::<u64>(expiring()).unwrap();
    is_emptied(state, |state| list.push(state, 1));

    let mut state = new_state();
    let map = state.map::<u64, u64>(expiring()).unwrap();
    is_emptied(state, |state| {
        map.insert(state, 1, 1);
    });

    let mut state = new_state();
    let sum = state.reducing::<u64>(expiring(), |sum, value| *sum += value).unwrap();
    is_emptied(state, |state| sum.add(state, 1));
}

#[test]
fn what_is_kept_is_a_small_multiple_of_what_lives() {
    let mut state = new_state();
    let value = state.value::<u64>(expiring()).unwrap();
    let mut largest = 0;
    for batch in 0..1_000u64 {
        state.set_time(at(batch as i64));
        for key in batch * 100..(batch + 1) * 100 {
            use_key(&mut state, key);
            value.set(&mut state, 1);
        }
        largest = largest.max(state.len());
    }
    let alive = LIFE as usize * 100;
    assert!(largest < 3 * alive, "{largest} entries were kept of which {alive} lived");
}

#[test]
fn a_huge_map_is_not_swept_in_each_turn() {
    let mut state = new_state::<u8>();
    let map = state.map::<u64, u64>(expiring()).unwrap();
    use_key(&mut state, 1);
    map.extend(&mut state, (0..1_000).map(|key| (key, key)));
    state.set_time(at(LIFE - 1));
    map.extend(&mut state, (1_000..2_000).map(|key| (key, key)));
    // The first time uses up what the writes allow, the second looks at more than it may.
    state.set_time(at(LIFE - 1));
    state.set_time(at(LIFE - 1));
    let entries = |state: &mut KeyedState<u8>| Files::default().snapshot(state, 1, false).written_bytes;
    let all = entries(&mut state);
    // That is paid off at 5 entries a turn.
    state.set_time(at(LIFE));
    assert_eq!(entries(&mut state), all);
    let turns = (0..2_000).take_while(|_| {
        state.set_time(at(LIFE));
        entries(&mut state) == all
    });
    assert!((100..1_000).contains(&turns.count()));
    assert_eq!(map.len(&state), 1_000);
}

#[test]
fn a_turn_is_short_however_many_key_groups_are_empty() {
    let mut state = KeyedState::<u64>::new(SubtaskIndex(0), 1, 1 << 15);
    let value = state.value::<u64>(expiring()).unwrap();
    use_key(&mut state, 1);
    value.set(&mut state, 1);
    state.set_time(at(LIFE));
    // One step of a turn looks at an entry or passes a group.
    let turns = (0..1 << 15).take_while(|_| {
        state.set_time(at(LIFE));
        !state.is_empty()
    });
    let turns = turns.count();
    assert!((1..=(1 << 15) / 5 + 2).contains(&turns), "it took {turns} turns");
}

#[test]
fn nothing_goes_by_itself_if_so_wanted() {
    let mut state = new_state::<u8>();
    let ttl = StateTtl::new(Duration::from_millis(1)).cleanup(TtlCleanup::WhenTouched);
    let value = state.value::<u8>(descriptor(Some(ttl))).unwrap();
    use_key(&mut state, 1);
    value.set(&mut state, 1);
    (1..100).for_each(|millis| state.set_time(at(millis)));
    assert_eq!(state.len(), 1);
    assert_eq!(value.get_mut(&mut state), None);
    assert_eq!(state.len(), 0);
}

#[test]
fn time_does_not_go_back() {
    let mut state = new_state::<u8>();
    let value = state.value::<u8>(expiring()).unwrap();
    state.set_time(at(100));
    use_key(&mut state, 1);
    value.set(&mut state, 1);
    state.set_time(at(50));
    assert_eq!(state.state().time(), at(100));
    state.set_time(at(109));
    assert_eq!(value.get(&state), Some(&1));
    state.set_time(at(110));
    assert_eq!(value.get(&state), None);
}
