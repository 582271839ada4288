//! Values by key, kept apart by key group.

use flott_core::{
    SubtaskIndex,
    hash::stable_hash,
    key_group::{groups_of_subtask, key_group},
};
use hashbrown::HashTable;

use crate::Key;

struct Entry<K, V> {
    key: K,
    value: V,
}

/// The values of the keys whose groups a subtask owns. One hash table a group, so that a table grows without stopping
/// the others, and a group can be written or moved by itself.
///
/// ```
/// use flott_core::{SubtaskIndex, hash::stable_hash};
/// use flott_state::KeyedTable;
///
/// let mut counts = KeyedTable::new(SubtaskIndex(0), 1, 128);
/// for word in ["to", "be", "to"] {
///     let hash = stable_hash(word);
///     if let Some(count) = counts.get_mut(hash, word) {
///         *count += 1;
///     } else {
///         counts.insert(hash, word.to_owned(), 1);
///     }
/// }
/// assert_eq!(counts.get_mut(stable_hash("to"), "to"), Some(&mut 2));
/// ```
pub struct KeyedTable<K, V> {
    groups: Vec<HashTable<Entry<K, V>>>,
    first_group: u32,
    max_parallelism: u32,
}

impl<K: Key, V> KeyedTable<K, V> {
    /// The empty table of a subtask.
    pub fn new(subtask: SubtaskIndex, parallelism: u32, max_parallelism: u32) -> Self {
        let groups = groups_of_subtask(subtask, parallelism, max_parallelism);
        Self {
            first_group: groups.start,
            groups: groups.map(|_| HashTable::new()).collect(),
            max_parallelism,
        }
    }

    #[inline]
    fn group(&mut self, hash: u64) -> &mut HashTable<Entry<K, V>> {
        let group = key_group(hash, self.max_parallelism).wrapping_sub(self.first_group);
        // A record of a group that is not ours was sent to the wrong subtask: going on would split its key's state.
        self.groups.get_mut(group as usize).expect(
            "records reach only the subtask that owns their key group: the key of a record must be the same each time",
        )
    }

    /// The value of a key whose [`stable_hash`] is `hash`.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn get_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.get_entry_mut(hash, key).map(|(_, value)| value)
    }

    /// As [`get_mut`](Self::get_mut), with the stored key.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn get_entry_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<(&K, &mut V)>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.group(hash)
            .find_mut(hash, |entry| entry.key.borrow() == key)
            .map(|entry| (&entry.key, &mut entry.value))
    }

    /// Adds a key that is not there yet. Returns where it is stored.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    pub fn insert(&mut self, hash: u64, key: K, value: V) -> (&K, &mut V) {
        let entry =
            self.group(hash).insert_unique(hash, Entry { key, value }, |entry| stable_hash(&entry.key));
        let entry = entry.into_mut();
        (&entry.key, &mut entry.value)
    }

    /// Removes everything, handing out the entries of one group after the other.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> + '_ {
        self.groups
            .iter_mut()
            .flat_map(|group| std::mem::take(group).into_iter().map(|entry| (entry.key, entry.value)))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.groups.iter().map(HashTable::len).sum()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flott_core::key_group::subtask_of_group;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_map_spread_over_subtasks(updates: Vec<(u16, i64)>, parallelism in 1u32..5) {
            let mut tables: Vec<_> = (0..parallelism)
                .map(|subtask| KeyedTable::<u16, i64>::new(SubtaskIndex(subtask), parallelism, 16))
                .collect();
            let mut expected = BTreeMap::new();
            for (key, value) in updates {
                let hash = stable_hash(&key);
                let owner = subtask_of_group(key_group(hash, 16), parallelism, 16);
                let table = &mut tables[owner.0 as usize];
                match table.get_mut(hash, &key) {
                    Some(sum) => *sum = sum.wrapping_add(value),
                    None => {
                        table.insert(hash, key, value);
                    }
                }
                let sum: &mut i64 = expected.entry(key).or_default();
                *sum = sum.wrapping_add(value);
            }
            prop_assert_eq!(tables.iter().map(KeyedTable::len).sum::<usize>(), expected.len());
            let all: BTreeMap<_, _> = tables.iter_mut().flat_map(KeyedTable::drain).collect();
            prop_assert_eq!(all, expected);
            prop_assert!(tables.iter().all(KeyedTable::is_empty));
        }
    }

    #[test]
    #[should_panic(expected = "owns their key group")]
    fn a_key_of_another_subtask_is_not_taken() {
        let mut tables = [0, 1].map(|subtask| KeyedTable::<u64, u64>::new(SubtaskIndex(subtask), 2, 2));
        for table in &mut tables {
            table.insert(stable_hash(&1u64), 1, 1);
        }
    }
}
