use std::ops::Range;

use flott_core::{
    hash::stable_hash,
    key_group::{groups_of_subtask, key_group},
};
use flott_state::Key;
use hashbrown::{HashTable, hash_table::OccupiedEntry};

use crate::TaskContext;

/// The values of the keys that have any. Unlike `KeyedTable` it is one hash table for all key groups: there is one for each
/// pane, short-lived and read as a whole.
pub(super) struct Table<K, V> {
    entries: HashTable<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { entries: HashTable::new() }
    }
}

impl<K: Key, V> Table<K, V> {
    /// The stored key and its value.
    #[inline]
    pub(super) fn get_mut(&mut self, hash: u64, key: &K) -> Option<(&K, &mut V)> {
        self.entries.find_mut(hash, |(known, _)| known == key).map(|(key, value)| (&*key, value))
    }

    pub(super) fn get(&self, hash: u64, key: &K) -> Option<&V> {
        self.entries.find(hash, |(known, _)| known == key).map(|(_, value)| value)
    }

    /// Where a key is stored, for what may remove it.
    pub(super) fn entry(&mut self, hash: u64, key: &K) -> Option<OccupiedEntry<'_, (K, V)>> {
        self.entries.find_entry(hash, |(known, _)| known == key).ok()
    }

    /// Adds a key that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V) -> (&K, &mut V) {
        let (key, value) =
            self.entries.insert_unique(hash, (key, value), |(key, _)| stable_hash(key)).into_mut();
        (key, value)
    }

    /// The value of a key, at first the default one.
    pub(super) fn get_or_default(&mut self, hash: u64, key: &K) -> &mut V
    where
        V: Default,
    {
        let entry = self.entries.entry(hash, |(known, _)| known == key, |(key, _)| stable_hash(key));
        &mut entry.or_insert_with(|| (key.clone(), V::default())).into_mut().1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter()
    }

    /// Takes out all entries but keeps the memory.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (K, V)> + '_ {
        self.entries.drain()
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(|(key, value)| keep(key, value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The key groups of a subtask.
#[derive(Clone, Debug)]
pub(super) struct Ownership {
    groups: Range<u32>,
    max_parallelism: u32,
}

impl Ownership {
    pub(super) fn of(task: &TaskContext) -> Self {
        Self {
            groups: groups_of_subtask(task.subtask, task.parallelism, task.max_parallelism),
            max_parallelism: task.max_parallelism,
        }
    }

    /// To be called with the hash of each key that is new.
    ///
    /// # Panics
    /// If the key belongs to another subtask: going on would split its windows.
    pub(super) fn check(&self, hash: u64) {
        assert!(
            self.groups.contains(&key_group(hash, self.max_parallelism)),
            "records reach only the subtask that owns their key group: the key of a record must be the same each time"
        );
    }
}
