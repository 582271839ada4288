use flott_core::hash::stable_hash;
use flott_state::Key;
use hashbrown::HashTable;

/// Keys, each once. Unlike `KeyedTable` it is one hash table for all key groups: it is short-lived and read as a whole.
pub(super) struct Keys<K> {
    keys: HashTable<K>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: HashTable::new() }
    }
}

impl<K: Key> Keys<K> {
    /// Adds a key, if it is not there.
    pub(super) fn insert(&mut self, key: &K) {
        self.keys
            .entry(stable_hash(key), |known| known == key, |known| stable_hash(known))
            .or_insert_with(|| key.clone());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.keys.iter()
    }
}
