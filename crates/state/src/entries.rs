//! The entries of one keyed state: a table, how they age, and the function that goes with some kinds.

use std::any::TypeId;

use flott_core::time::Timestamp;
use serde::Serialize;

use crate::{
    Key, Namespace, StateInfo,
    keyed_state::{Current, StateEntry, StateTable},
    table::{Swept, Table},
    ttl::Aging,
};

pub(crate) struct Entries<K, N, C, A, F = ()> {
    pub(crate) table: Table<K, N, C>,
    pub(crate) aging: A,
    /// What the user gave to combine values.
    pub(crate) function: F,
    /// How many entries may be looked at when the time is told next; negative after a costly one.
    budget: isize,
}

/// What is kept for a key and namespace.
pub(crate) trait Content<A>: Serialize + Send + 'static {
    /// Removes what has expired, and says whether anything is left.
    fn sweep(&mut self, aging: &A, now: Timestamp) -> Swept;
}

impl<K: Key, N: Namespace, C, A: Aging, F> Entries<K, N, C, A, F> {
    pub(crate) fn new(groups: usize, aging: A, function: F) -> Self {
        Self { table: Table::new(groups), aging, function, budget: 0 }
    }

    /// To be called at each write, before it.
    #[inline]
    pub(crate) fn before_write(&mut self) {
        self.budget = self.budget.saturating_add(self.aging.cleanup() as isize);
    }
}

impl<K: Key, N: Namespace, C: Content<A>, A: Aging, F: Send + 'static> StateTable<K>
    for Entries<K, N, C, A, F>
{
    fn namespace_type(&self) -> TypeId {
        TypeId::of::<N>()
    }

    fn clear(&mut self, current: &Current<K>) {
        self.table.remove(&current.place::<N>());
    }

    fn clean_up(&mut self, now: Timestamp) {
        self.before_write();
        let left = self.table.sweep(self.budget, |content| content.sweep(&self.aging, now));
        // What a whole round leaves is not saved up: there was nothing to do.
        self.budget = left.min(0);
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn keys(&self) -> Vec<K> {
        self.table.keys()
    }

    fn visit(&self, group: usize, info: &StateInfo, visit: &mut dyn FnMut(StateEntry<'_, K>)) {
        for entry in self.table.group(group) {
            visit(StateEntry {
                state: info,
                key: &entry.key,
                namespace: &entry.namespace,
                value: &entry.value,
            });
        }
    }
}
