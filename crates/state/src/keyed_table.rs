//! Values by key, kept apart by key group.

use std::{borrow::Borrow, ops::Range};

use flott_core::{
    SubtaskIndex,
    hash::stable_hash,
    key_group::{groups_of_subtask, key_group},
};
use hashbrown::{HashTable, hash_table::Entry as Slot};

use crate::Key;

#[cfg(test)]
mod tests;

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
    fn index(&self, hash: u64) -> usize {
        let group = key_group(hash, self.max_parallelism).wrapping_sub(self.first_group) as usize;
        // A record of a group that is not ours was sent to the wrong subtask: going on would split its key's state.
        assert!(
            group < self.groups.len(),
            "records reach only the subtask that owns their key group: the key of a record must be the same each time"
        );
        group
    }

    #[inline]
    fn group(&mut self, hash: u64) -> &mut HashTable<Entry<K, V>> {
        let index = self.index(hash);
        &mut self.groups[index]
    }

    /// The value of a key whose [`stable_hash`] is `hash`.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn get<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let group = &self.groups[self.index(hash)];
        group.find(hash, |entry| entry.key.borrow() == key).map(|entry| &entry.value)
    }

    /// As [`get`](Self::get), to change the value.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn get_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
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
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.group(hash)
            .find_mut(hash, |entry| entry.key.borrow() == key)
            .map(|entry| (&entry.key, &mut entry.value))
    }

    /// The value of a key. If there is none, the key as `own` makes it is added with the value that `create` makes.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # let mut counts = flott_state::KeyedTable::<String, u64>::new(SubtaskIndex(0), 1, 128);
    /// let word = "be";
    /// *counts.get_or_insert_with(stable_hash(word), word, || word.to_owned(), || 0) += 1;
    /// assert_eq!(counts.get(stable_hash(word), word), Some(&1));
    /// ```
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    #[inline]
    pub fn get_or_insert_with<Q>(
        &mut self,
        hash: u64,
        key: &Q,
        own: impl FnOnce() -> K,
        create: impl FnOnce() -> V,
    ) -> &mut V
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let slot =
            self.group(hash).entry(hash, |entry| entry.key.borrow() == key, |entry| stable_hash(&entry.key));
        let entry = match slot {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(Entry { key: own(), value: create() }).into_mut(),
        };
        &mut entry.value
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

    /// Removes a key and returns its value.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    pub fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let entry = self.group(hash).find_entry(hash, |entry| entry.key.borrow() == key).ok()?;
        Some(entry.remove().0.value)
    }

    /// Keeps the entries for which `keep` says so, and removes the others.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for group in &mut self.groups {
            group.retain(|entry| keep(&entry.key, &mut entry.value));
        }
    }

    /// The key groups that the subtask owns.
    pub fn key_groups(&self) -> Range<u32> {
        self.first_group..self.first_group + self.groups.len() as u32
    }

    /// All entries, one key group after the other; in a group in no particular order, which depends on the changes
    /// alone.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.groups.iter().flatten().map(|entry| (&entry.key, &entry.value))
    }

    /// As [`iter`](Self::iter), to change the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.groups.iter_mut().flatten().map(|entry| (&entry.key, &mut entry.value))
    }

    /// The entries of a key group.
    ///
    /// # Panics
    /// If the subtask does not own the group.
    pub fn iter_group(&self, group: u32) -> impl Iterator<Item = (&K, &V)> {
        let index = self.index_of_group(group);
        self.groups[index].iter().map(|entry| (&entry.key, &entry.value))
    }

    /// As [`iter_group`](Self::iter_group), to change the values.
    ///
    /// # Panics
    /// If the subtask does not own the group.
    pub fn iter_group_mut(&mut self, group: u32) -> impl Iterator<Item = (&K, &mut V)> {
        let index = self.index_of_group(group);
        self.groups[index].iter_mut().map(|entry| (&entry.key, &mut entry.value))
    }

    fn index_of_group(&self, group: u32) -> usize {
        let groups = self.key_groups();
        assert!(groups.contains(&group), "key group {group} is not among those of this subtask, {groups:?}");
        (group - groups.start) as usize
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
