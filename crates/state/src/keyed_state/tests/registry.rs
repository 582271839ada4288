//! Names, types and handles.

use super::*;
use crate::{AggregateFunction, Error, StateKind, ValueState};

#[test]
fn a_name_stands_for_one_state() {
    let mut state = new_state::<u8>();
    let count = state.value::<u64>("count").unwrap();
    use_key(&mut state, 1);
    count.set(&mut state, 7);
    let same = state.value::<u64>("count").unwrap();
    assert_eq!(same.get(&state), Some(&7));
    let other = state.value::<u64>("other").unwrap();
    assert_eq!(other.get(&state), None);

    let infos: Vec<_> = state.states().map(|info| (&*info.name, info.state_type.kind)).collect();
    assert_eq!(infos, [("count", StateKind::Value), ("other", StateKind::Value)]);
}

#[test]
fn a_name_for_two_states_is_an_error_that_names_both() {
    let mut state = new_state::<u8>();
    state.value::<u64>("count").unwrap();
    let in_namespace = state.in_namespace::<u32>().value::<u64>("count").unwrap_err();
    let errors = [
        state.value::<u32>("count").unwrap_err(),
        state.list::<u64>("count").unwrap_err(),
        state.map::<u8, u16>("count").unwrap_err(),
        state.reducing("count", |sum: &mut u64, value| *sum += value).unwrap_err(),
        in_namespace,
    ];
    let texts = errors.map(|error| error.to_string());
    let requested = [
        "value state of u32",
        "list state of u64",
        "map state of u8 to u16",
        "reducing state of u64",
        "value state of u64 by u32",
    ];
    for (text, requested) in texts.iter().zip(requested) {
        assert_eq!(
            *text,
            format!(
                "state `count` is already registered as a value state of u64 and cannot also be a {requested}: give \
                 one of them another name"
            )
        );
    }
    assert_eq!(state.states().count(), 1);
}

struct Max<Accumulator>(std::marker::PhantomData<fn() -> Accumulator>);

impl<A: crate::StateValue + Default + Copy + Ord + From<u8>> AggregateFunction<u8> for Max<A> {
    type Accumulator = A;
    type Output = bool;

    fn create(&self) -> A {
        A::default()
    }

    fn add(&self, max: &mut A, value: u8) {
        *max = (*max).max(value.into());
    }

    fn result(&self, max: &A) -> bool {
        *max > A::from(1)
    }

    fn merge(&self, max: &mut A, other: A) {
        *max = (*max).max(other);
    }
}

#[test]
fn aggregates_with_other_accumulators_are_other_states() {
    let mut state = new_state::<u8>();
    state.aggregating("max", Max::<u16>(Default::default())).unwrap();
    state.aggregating("max", Max::<u16>(Default::default())).unwrap();
    let error = state.aggregating("max", Max::<u32>(Default::default())).unwrap_err();
    assert!(error.to_string().contains("aggregating state of u8 to bool by u32"), "{error}");
}

#[test]
fn a_time_to_live_is_part_of_a_state() {
    let mut state = new_state::<u8>();
    let hour = descriptor(Some(StateTtl::new(Duration::from_secs(3600))));
    state.value::<u8>(hour.clone()).unwrap();
    state.value::<u8>(hour).unwrap();
    let error = state.value::<u8>("state").unwrap_err();
    assert_eq!(
        error.to_string(),
        "state `state` is already registered with a time to live of 3600s (OnCreateAndWrite, NeverReturnExpired, \
         Incremental { entries: 5 }) and cannot also be registered without a time to live: give both the same time to \
         live, or one of them another name"
    );
    let error = state.value::<u8>(StateDescriptor::new("new").ttl(StateTtl::new(Duration::from_micros(999))));
    assert_eq!(error.unwrap_err(), Error::TtlTooShort { name: "new".to_owned() });
}

#[test]
fn state_moves_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&new_state::<u8>());
    is_send(&crate::TimerQueue::<u8, u8>::of_subtask(SubtaskIndex(0), 1, 4));
    is_send(&crate::OperatorState::new());
    is_send(&ValueState::<std::cell::Cell<u8>>::default());
}

#[test]
#[should_panic(expected = "there is no current key")]
fn there_is_no_state_without_a_key() {
    let mut state = new_state::<u8>();
    let value = state.value::<u8>("value").unwrap();
    value.get(&state);
}

#[test]
#[should_panic(expected = "state by u64 is used while the current namespace is a u32")]
fn there_is_no_state_in_another_types_namespace() {
    let mut state = new_state::<u8>();
    let value = state.in_namespace::<u64>().value::<u8>("value").unwrap();
    use_key(&mut state, 1);
    state.set_namespace(&1u32);
    value.get(&state);
}

#[test]
#[should_panic(expected = "state is used before it is registered")]
fn a_handle_that_leads_nowhere_is_not_used() {
    let mut state = new_state::<u8>();
    use_key(&mut state, 1);
    ValueState::<u8>::default().get(&state);
}

#[test]
#[should_panic(
    expected = "belongs to another operator, here it leads to `text`, a value state of alloc::string::String"
)]
fn a_handle_of_another_operator_is_not_used() {
    let mut state = new_state::<u8>();
    let number = state.value::<u8>("number").unwrap();
    let mut other = new_state::<u8>();
    other.value::<String>("text").unwrap();
    use_key(&mut other, 1);
    number.get(&other);
}

#[test]
#[should_panic(expected = "owns their key group")]
fn a_key_of_another_subtask_is_not_taken() {
    let mut states = [0, 1].map(|subtask| KeyedState::<u64>::new(SubtaskIndex(subtask), 2, 2));
    for state in &mut states {
        use_key(state, 1);
    }
}
