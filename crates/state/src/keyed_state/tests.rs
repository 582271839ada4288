mod cleanup;
mod lists;
mod maps;
mod registry;
mod snapshots;
mod values;
mod visits;

use std::{fmt::Debug, time::Duration};

use flott_core::{SubtaskIndex, hash::stable_hash, time::Timestamp};
use proptest::prelude::*;

use super::KeyedState;
use crate::{Namespace, StateDescriptor, StateTtl, TtlCleanup, TtlUpdate, TtlVisibility};

/// How long entries live that do not live for ever.
const LIFE: i64 = 10;

/// Something done to a state: where, when and what.
#[derive(Clone, Debug)]
struct Step<Op> {
    key: u8,
    namespace: u8,
    /// How much later than the step before.
    later: i64,
    op: Op,
}

fn steps<Op: Clone + Debug + 'static>(
    op: impl Strategy<Value = Op> + 'static,
) -> BoxedStrategy<Vec<Step<Op>>> {
    let later = prop_oneof![3 => Just(0), 2 => 1..LIFE, 1 => LIFE..2 * LIFE];
    let step = (0..3u8, 0..3u8, later, op).prop_map(|(key, namespace, later, op)| Step {
        key,
        namespace,
        later,
        op,
    });
    prop::collection::vec(step, 0..50).boxed()
}

/// All settings under which what is seen does not depend on the background's cleaning up.
fn any_ttl() -> impl Strategy<Value = Option<StateTtl>> {
    let ttl = |update, visibility, cleanup| {
        let ttl = StateTtl::new(Duration::from_millis(LIFE as u64));
        Some(ttl.update(update).visibility(visibility).cleanup(cleanup))
    };
    use TtlUpdate::{OnCreateAndWrite, OnReadAndWrite};
    use TtlVisibility::{NeverReturnExpired, ReturnExpiredIfNotCleanedUp};
    let eager = TtlCleanup::Incremental { entries: 3 };
    prop_oneof![
        Just(None),
        Just(ttl(OnCreateAndWrite, NeverReturnExpired, eager)),
        Just(ttl(OnReadAndWrite, NeverReturnExpired, eager)),
        Just(ttl(OnCreateAndWrite, NeverReturnExpired, TtlCleanup::WhenTouched)),
        Just(ttl(OnCreateAndWrite, ReturnExpiredIfNotCleanedUp, TtlCleanup::WhenTouched)),
        Just(ttl(OnReadAndWrite, ReturnExpiredIfNotCleanedUp, TtlCleanup::WhenTouched)),
    ]
}

/// What the models know of a time to live.
#[derive(Clone, Copy)]
struct Rules {
    ttl: Option<StateTtl>,
}

impl Rules {
    fn is_expired(self, written: i64, now: i64) -> bool {
        self.ttl.is_some() && written + LIFE <= now
    }

    fn returns_expired(self) -> bool {
        self.ttl.is_some_and(|ttl| ttl.returns_expired())
    }

    fn updates_on_read(self) -> bool {
        self.ttl.is_some_and(|ttl| ttl.updates_on_read())
    }
}

/// A namespace for tests: of a type with content, or of the one without.
trait TestNamespace: Namespace {
    fn of(step: u8) -> (Self, u8);
}

impl TestNamespace for String {
    fn of(step: u8) -> (Self, u8) {
        (format!("window {step}"), step)
    }
}

impl TestNamespace for () {
    fn of(_: u8) -> (Self, u8) {
        ((), 0)
    }
}

fn descriptor(ttl: Option<StateTtl>) -> StateDescriptor {
    let descriptor = StateDescriptor::new("state");
    match ttl {
        Some(ttl) => descriptor.ttl(ttl),
        None => descriptor,
    }
}

fn new_state<K: crate::Key>() -> KeyedState<K> {
    KeyedState::new(SubtaskIndex(0), 1, 4)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Goes to the place and time of a step. Returns the address in the model.
fn go<N: TestNamespace, Op>(state: &mut KeyedState<u8>, now: &mut i64, step: &Step<Op>) -> (u8, u8) {
    *now += step.later;
    state.set_time(at(*now));
    state.set_key(stable_hash(&step.key), &step.key);
    let (namespace, number) = N::of(step.namespace);
    state.set_namespace(&namespace);
    (step.key, number)
}

fn use_key<K: crate::Key>(state: &mut KeyedState<K>, key: K) {
    state.set_key(stable_hash(&key), &key);
}
