//! The table beneath keyed state: values by key and namespace.

use std::ops::Range;

use flott_core::hash::{mix, stable_hash};
use hashbrown::HashTable;

use crate::{
    Key, Namespace,
    segments::{EncodeEntry, Found, Segments, Slot, Stored},
};

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

pub(crate) struct Entry<K, N, V> {
    pub(crate) key: K,
    pub(crate) namespace: N,
    pub(crate) value: V,
}

impl<K: Key, N: Namespace, V> Stored for Entry<K, N, V> {
    #[inline]
    fn key_hash(&self) -> u64 {
        stable_hash(&self.key)
    }

    #[inline]
    fn hash(&self) -> u64 {
        if is_empty_type::<N>() {
            self.key_hash()
        } else {
            place_hash(self.key_hash(), stable_hash(&self.namespace))
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.key == other.key && self.namespace == other.namespace
    }
}

pub(crate) struct Table<K, N, V> {
    pub(crate) segments: Segments<Entry<K, N, V>>,
}

impl<K: Key, N: Namespace, V> Table<K, N, V> {
    pub(crate) fn new(groups: Range<u32>, encode: EncodeEntry<Entry<K, N, V>>) -> Self {
        Self { segments: Segments::new(groups, encode) }
    }

    #[inline]
    pub(crate) fn get(&self, at: &Place<'_, K, N>) -> Option<&V> {
        self.segments.get(at.group, at.hash, |entry| at.is(entry)).map(|entry| &entry.value)
    }

    /// To be called if reading has changed what is there, such as the time until which it lives.
    pub(crate) fn note_read(&self, at: &Place<'_, K, N>) {
        self.segments.note_read(at.group, at.hash);
    }

    /// The entry there, to change or remove it.
    #[inline]
    pub(crate) fn find(&mut self, at: &Place<'_, K, N>) -> Option<Found<'_, Entry<K, N, V>>> {
        self.segments.find(at.group, at.hash, |entry| at.is(entry))
    }

    /// The place for an entry, taken or not; the caller will change it.
    #[inline]
    pub(crate) fn slot(&mut self, at: &Place<'_, K, N>) -> Slot<'_, Entry<K, N, V>> {
        self.segments.slot(at.group, at.hash, |entry| at.is(entry))
    }

    /// The value there, made first if there is none.
    #[inline]
    pub(crate) fn get_or_insert_with(&mut self, at: &Place<'_, K, N>, create: impl FnOnce() -> V) -> &mut V {
        let entry = match self.slot(at) {
            Slot::Occupied(entry) => entry,
            Slot::Vacant(slot) => slot.insert(at.entry(create())),
        };
        &mut entry.value
    }

    pub(crate) fn remove(&mut self, at: &Place<'_, K, N>) -> Option<V> {
        Some(self.find(at)?.remove().value)
    }

    /// The keys, each once.
    pub(crate) fn keys(&self) -> Vec<K> {
        let entries = self.segments.iter();
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
