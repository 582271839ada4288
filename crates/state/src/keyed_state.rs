//! The keyed state of one operator in one subtask.
//!
//! [`KeyedState`] owns the data and knows the current key; typed handles such as [`ValueState`](crate::ValueState) say which of its states
//! is meant. A handle holds no data and is `Copy`: each access goes through something that leads to the `KeyedState`, a
//! [`StateContext`], so that the borrow checker sees what is borrowed. An access is an index, a check of the type and
//! one look-up in a hash table; nothing is serialized.
//!
//! ```
//! use flott_core::{SubtaskIndex, hash::stable_hash};
//! use flott_state::{KeyedState, StateContext, ValueState};
//!
//! struct CountPerKey {
//!     count: ValueState<u64>,
//! }
//!
//! impl CountPerKey {
//!     fn on_record(&self, ctx: &mut impl StateContext) -> u64 {
//!         let count = self.count.get_or_default(ctx);
//!         *count += 1;
//!         *count
//!     }
//! }
//!
//! let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
//! let function = CountPerKey { count: state.value("count")? };
//! let counts = ["to", "be", "to"].map(|word| {
//!     state.set_key(stable_hash(word), &word.to_owned()); // the runtime does this for each record
//!     function.on_record(&mut state)
//! });
//! assert_eq!(counts, [1, 1, 2]);
//! # Ok::<(), flott_state::Error>(())
//! ```
//!
//! State can be kept by key *and* namespace, such as a window: see [`in_namespace`](KeyedState::in_namespace).

mod carried;
mod current;
mod register;
mod snapshot;
mod state_table;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, ops::Range};

use flott_core::{CheckpointId, SubtaskIndex, time::Timestamp};

use crate::{
    Key, Namespace, StateInfo, TableDescription, key_groups::KeyGroups, schema::Migration,
    snapshot::Conversion,
};

use carried::Carried;
pub(crate) use current::Current;
pub use register::InNamespace;
pub(crate) use state_table::{MaybeTtl, StateTable, on_entries};

/// Leads to the keyed state of the operator at work. Handles take it as their first argument.
pub trait StateContext {
    /// The type of the operator's keys.
    type Key: Key;

    /// The state.
    fn state(&self) -> &KeyedState<Self::Key>;

    /// The state, to change it.
    fn state_mut(&mut self) -> &mut KeyedState<Self::Key>;
}

impl<K: Key> StateContext for KeyedState<K> {
    type Key = K;

    #[inline(always)]
    fn state(&self) -> &Self {
        self
    }

    #[inline(always)]
    fn state_mut(&mut self) -> &mut Self {
        self
    }
}

/// The keyed state of an operator in a subtask: all its states by name, the current key and the time. See the
/// [handles](crate::ValueState) for how state is read and written.
pub struct KeyedState<K> {
    pub(crate) current: Current<K>,
    states: Vec<Registered<K>>,
    /// What was restored of states that are not registered.
    carried: Vec<Carried>,
    /// Snapshots that are not written yet, in their order.
    pending: VecDeque<CheckpointId>,
    /// In which the next table is described.
    next_position: u32,
}

struct Registered<K> {
    info: StateInfo,
    table: Box<dyn StateTable<K>>,
    description: TableDescription,
    migrations: Vec<Migration>,
    /// Rises in the order in which tables are described.
    position: u32,
    /// How stored entries are read, once it is known.
    conversion: Option<Box<Conversion>>,
}

impl<K: Key> KeyedState<K> {
    /// The state of a subtask, still without any.
    pub fn new(subtask: SubtaskIndex, parallelism: u32, max_parallelism: u32) -> Self {
        Self {
            current: Current::new(KeyGroups::of_subtask(subtask, parallelism, max_parallelism)),
            states: Vec::new(),
            carried: Vec::new(),
            pending: VecDeque::new(),
            next_position: 0,
        }
    }

    /// Makes `key`, whose [`stable_hash`](flott_core::hash::stable_hash) is `hash`, the key that handles speak of.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn set_key(&mut self, hash: u64, key: &K) {
        self.current.set_key(hash, key);
    }

    /// The current key.
    ///
    /// # Panics
    /// If none has been set.
    #[inline]
    pub fn key(&self) -> &K {
        self.current.key()
    }

    /// The hash of the current key; 0 before the first.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.current.hash()
    }

    /// Makes `namespace` the one that the handles of states [in a namespace](Self::in_namespace) speak of. It stays
    /// when the key changes.
    #[inline]
    pub fn set_namespace<N: Namespace>(&mut self, namespace: &N) {
        self.current.set_namespace(namespace);
    }

    /// The current namespace, if it is of this type.
    #[inline]
    pub fn namespace<N: Namespace>(&self) -> Option<&N> {
        self.current.namespace()
    }

    /// Drops what all states have of the current key in the current namespace, as when a window is purged.
    ///
    /// # Panics
    /// If `N` is not the type of the current namespace.
    pub fn clear_namespace<N: Namespace>(&mut self) {
        for state in &mut self.states {
            if state.table.namespace_type() == std::any::TypeId::of::<N>() {
                state.table.clear(&self.current);
            }
        }
    }

    /// Tells the processing time, on which the expiry of state with a [time to live](crate::StateTtl) depends, and
    /// removes some of what has expired. To be called before each batch. An earlier time than before has no effect.
    ///
    /// Before the first call it is 1970-01-01T00:00:00Z.
    pub fn set_time(&mut self, now: Timestamp) {
        self.current.set_time(now);
        for state in &mut self.states {
            if state.info.ttl.is_some() {
                state.table.clean_up(self.current.now());
            }
        }
    }

    /// The processing time that was told last.
    pub fn time(&self) -> Timestamp {
        self.current.now()
    }

    /// The key groups that the subtask owns.
    pub fn key_groups(&self) -> Range<u32> {
        self.current.groups()
    }

    /// The states, in the order in which they were registered.
    pub fn states(&self) -> impl Iterator<Item = &StateInfo> {
        self.states.iter().map(|state| &state.info)
    }

    /// Number of entries (keys in their namespaces) in all states, with those that have expired and are not removed yet.
    pub fn len(&self) -> usize {
        self.states.iter().map(|state| state.table.len()).sum()
    }

    /// Whether there is no entry in any state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `visit` once for each key that `state` has an entry for, with that key as the current one; then the key
    /// is the one that it was before. Keys that `visit` adds are not visited.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<u32>::new(SubtaskIndex(0), 1, 128);
    /// let limit = state.value::<u32>("limit")?;
    /// for key in 1..=3 {
    ///     state.set_key(stable_hash(&key), &key);
    ///     limit.set(&mut state, key * 10);
    /// }
    /// state.for_each_key(limit, |state| {
    ///     if *state.key() == 2 {
    ///         limit.clear(state);
    ///     }
    /// });
    /// assert_eq!(state.len(), 2);
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the handle belongs to another `KeyedState`.
    pub fn for_each_key(&mut self, state: impl StateHandle, mut visit: impl FnMut(&mut Self)) {
        let _: Result<(), std::convert::Infallible> = self.try_for_each_key(state, |state| {
            visit(state);
            Ok(())
        });
    }

    /// As [`for_each_key`](Self::for_each_key), until `visit` returns an error.
    ///
    /// # Errors
    /// Those of `visit`.
    ///
    /// # Panics
    /// If the handle belongs to another `KeyedState`.
    pub fn try_for_each_key<E>(
        &mut self,
        state: impl StateHandle,
        mut visit: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let keys = self.registered(state.index()).table.keys();
        let before = self.current.take_key();
        let outcome = keys.into_iter().try_for_each(|key| {
            self.current.set_key(flott_core::hash::stable_hash(&key), &key);
            visit(self)
        });
        self.current.restore_key(before);
        outcome
    }

    fn registered(&self, index: u32) -> &Registered<K> {
        self.states.get(index as usize).unwrap_or_else(|| no_such_state(index))
    }

    /// The table of a handle, and what an access to it depends on.
    #[inline]
    pub(crate) fn table<T: 'static>(&self, index: u32) -> (&T, &Current<K>) {
        let Some(state) = self.states.get(index as usize) else { no_such_state(index) };
        let table: &dyn std::any::Any = &*state.table;
        match table.downcast_ref() {
            Some(table) => (table, &self.current),
            None => wrong_state(&state.info),
        }
    }

    /// As [`table`](Self::table), to change it.
    #[inline]
    pub(crate) fn table_mut<T: 'static>(&mut self, index: u32) -> (&mut T, &Current<K>) {
        let Some(state) = self.states.get_mut(index as usize) else { no_such_state(index) };
        let table: &mut dyn std::any::Any = &mut *state.table;
        match table.downcast_mut() {
            Some(table) => (table, &self.current),
            None => wrong_state(&state.info),
        }
    }
}

#[cold]
fn no_such_state(index: u32) -> ! {
    if index == UNREGISTERED {
        panic!(
            "state is used before it is registered: get its handle from the KeyedState, by name, when the function opens"
        );
    }
    panic!("the state's handle belongs to another operator: each has to register its own");
}

#[cold]
fn wrong_state(info: &StateInfo) -> ! {
    panic!(
        "the state's handle belongs to another operator, here it leads to `{}`, a {}: each has to register its own",
        info.name, info.state_type
    );
}

/// The index in handles that do not lead anywhere yet.
pub(crate) const UNREGISTERED: u32 = u32::MAX;

/// A handle of a keyed state, of any kind.
pub trait StateHandle: sealed::Sealed + Copy {
    #[doc(hidden)]
    fn index(&self) -> u32;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
