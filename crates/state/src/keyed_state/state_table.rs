//! What all tables of keyed state can, whatever they hold.

use std::any::{Any, TypeId};

use flott_core::time::Timestamp;

use super::{Current, StateEntry};
use crate::StateInfo;

pub(crate) trait StateTable<K>: Any + Send {
    /// The type of the namespace.
    fn namespace_type(&self) -> TypeId;

    /// Drops the entry of the current key and namespace.
    fn clear(&mut self, current: &Current<K>);

    /// Removes some entries whose time is over.
    fn clean_up(&mut self, now: Timestamp);

    /// Number of entries.
    fn len(&self) -> usize;

    /// The keys that have an entry, each once.
    fn keys(&self) -> Vec<K>;

    /// Shows the entries of a key group, counted from the subtask's first.
    fn visit(&self, group: usize, info: &StateInfo, visit: &mut dyn FnMut(StateEntry<'_, K>));
}

/// The table of a state that may have a time to live: of two types, so that without one there is no trace of it.
pub(crate) enum MaybeTtl<P, T> {
    Plain(P),
    Ttl(T),
}

/// Does the same with the entries of either type.
macro_rules! on_entries {
    ($table:expr, $entries:ident => $do:expr) => {
        match $table {
            $crate::keyed_state::MaybeTtl::Plain($entries) => $do,
            $crate::keyed_state::MaybeTtl::Ttl($entries) => $do,
        }
    };
}
pub(crate) use on_entries;

impl<K: 'static, P: StateTable<K>, T: StateTable<K>> StateTable<K> for MaybeTtl<P, T> {
    fn namespace_type(&self) -> TypeId {
        on_entries!(self, entries => entries.namespace_type())
    }

    fn clear(&mut self, current: &Current<K>) {
        on_entries!(self, entries => entries.clear(current));
    }

    fn clean_up(&mut self, now: Timestamp) {
        on_entries!(self, entries => entries.clean_up(now));
    }

    fn len(&self) -> usize {
        on_entries!(self, entries => entries.len())
    }

    fn keys(&self) -> Vec<K> {
        on_entries!(self, entries => entries.keys())
    }

    fn visit(&self, group: usize, info: &StateInfo, visit: &mut dyn FnMut(StateEntry<'_, K>)) {
        on_entries!(self, entries => entries.visit(group, info, visit));
    }
}
