//! The hash tables beneath all keyed state: values by key and namespace, one table a key group.

use flott_core::hash::{mix, stable_hash};
use hashbrown::{
    HashTable,
    hash_table::{Entry as Slot, OccupiedEntry},
};

use crate::{Key, Namespace};

/// Where an access goes.
pub(crate) struct Place<'a, K, N> {
    /// The key group, counted from the subtask's first.
    pub(crate) group: usize,
    /// The [`place_hash`] of key and namespace.
    pub(crate) hash: u64,
    pub(crate) key: &'a K,
    pub(crate) namespace: &'a N,
}

/// Whether values of the type are all the same, so that it need not be hashed.
#[inline(always)]
pub(crate) const fn is_empty_type<N>() -> bool {
    size_of::<N>() == 0
}

/// The hash by which tables find an entry, of the hashes of its key and its namespace. The first is mixed once more:
/// key and namespace may well be the same.
#[inline]
pub(crate) fn place_hash(key_hash: u64, namespace_hash: u64) -> u64 {
    mix(key_hash) ^ namespace_hash
}

/// The hash by which tables find an entry.
#[inline]
fn entry_hash<K: Key, N: Namespace>(key: &K, namespace: &N) -> u64 {
    if is_empty_type::<N>() { stable_hash(key) } else { place_hash(stable_hash(key), stable_hash(namespace)) }
}

pub(crate) struct Entry<K, N, V> {
    pub(crate) key: K,
    pub(crate) namespace: N,
    pub(crate) value: V,
}

pub(crate) struct Table<K, N, V> {
    groups: Vec<HashTable<Entry<K, N, V>>>,
    /// Where the sweep goes on: group and bucket.
    sweep_at: (usize, usize),
}

/// What a sweep finds in an entry.
pub(crate) struct Swept {
    pub(crate) keep: bool,
    /// How much work it was; 1 for looking at a single value.
    pub(crate) cost: usize,
}

impl<K: Key, N: Namespace, V> Table<K, N, V> {
    pub(crate) fn new(groups: usize) -> Self {
        Self { groups: (0..groups).map(|_| HashTable::new()).collect(), sweep_at: (0, 0) }
    }

    #[inline]
    pub(crate) fn get(&self, at: &Place<'_, K, N>) -> Option<&V> {
        self.groups[at.group].find(at.hash, |entry| at.is(entry)).map(|entry| &entry.value)
    }

    /// The entry there, to change or remove it.
    #[inline]
    pub(crate) fn find(&mut self, at: &Place<'_, K, N>) -> Option<OccupiedEntry<'_, Entry<K, N, V>>> {
        self.groups[at.group].find_entry(at.hash, |entry| at.is(entry)).ok()
    }

    /// The place for an entry, taken or not.
    #[inline]
    pub(crate) fn slot(&mut self, at: &Place<'_, K, N>) -> Slot<'_, Entry<K, N, V>> {
        self.groups[at.group].entry(
            at.hash,
            |entry| at.is(entry),
            |entry| entry_hash(&entry.key, &entry.namespace),
        )
    }

    /// The value there, made first if there is none.
    #[inline]
    pub(crate) fn get_or_insert_with(&mut self, at: &Place<'_, K, N>, create: impl FnOnce() -> V) -> &mut V {
        let entry = match self.slot(at) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(at.entry(create())).into_mut(),
        };
        &mut entry.value
    }

    pub(crate) fn remove(&mut self, at: &Place<'_, K, N>) -> Option<V> {
        Some(self.find(at)?.remove().0.value)
    }

    /// The keys, each once.
    pub(crate) fn keys(&self) -> Vec<K> {
        let entries = self.groups.iter().flatten();
        if is_empty_type::<N>() {
            return entries.map(|entry| entry.key.clone()).collect();
        }
        let mut seen = HashTable::<&K>::new();
        for entry in entries {
            let _ = seen
                .entry(stable_hash(&entry.key), |key| **key == entry.key, |key| stable_hash(*key))
                .or_insert(&entry.key);
        }
        seen.into_iter().cloned().collect()
    }

    /// The entries of a group.
    pub(crate) fn group(&self, group: usize) -> impl Iterator<Item = &Entry<K, N, V>> {
        self.groups[group].iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.iter().map(HashTable::len).sum()
    }

    /// Goes on with the endless round over all entries until `budget` is used up, one round at most. Returns what is
    /// left of the budget: less than nothing if the last entry was a costly one.
    pub(crate) fn sweep(&mut self, mut budget: isize, mut look: impl FnMut(&mut V) -> Swept) -> isize {
        let (mut group, mut bucket) = self.sweep_at;
        let mut groups_to_begin = self.groups.len();
        while budget > 0 {
            let Some(table) = self.groups.get_mut(group) else { return budget };
            budget -= 1;
            if table.is_empty() || bucket >= table.num_buckets() {
                if groups_to_begin == 0 {
                    break;
                }
                groups_to_begin -= 1;
                group = (group + 1) % self.groups.len();
                bucket = 0;
                continue;
            }
            if let Ok(mut entry) = table.get_bucket_entry(bucket) {
                let swept = look(&mut entry.get_mut().value);
                budget -= swept.cost as isize - 1;
                if !swept.keep {
                    entry.remove();
                }
            }
            bucket += 1;
        }
        self.sweep_at = (group, bucket);
        budget
    }
}

impl<K: Key, N: Namespace> Place<'_, K, N> {
    #[inline]
    fn is<V>(&self, entry: &Entry<K, N, V>) -> bool {
        *self.key == entry.key && (is_empty_type::<N>() || *self.namespace == entry.namespace)
    }

    /// The entry for this place.
    #[inline]
    pub(crate) fn entry<V>(&self, value: V) -> Entry<K, N, V> {
        Entry { key: self.key.clone(), namespace: self.namespace.clone(), value }
    }
}
