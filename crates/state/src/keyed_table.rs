//! Values by key, kept apart by key group.

use std::{borrow::Borrow, ops::Range};

use flott_core::{CheckpointId, SubtaskIndex, hash::stable_hash};

use crate::{
    Key, KeyedSnapshot, RestoredSegment, Result, SegmentSink, StateKind, StateValue, TableDescription, codec,
    key_groups::KeyGroups,
    schema::Schema,
    segments::{Restored, Segments, Slot, Stored},
    snapshot::Conversion,
};

#[cfg(test)]
mod tests;

struct Entry<K, V> {
    key: K,
    value: V,
}

impl<K: Key, V> Stored for Entry<K, V> {
    #[inline]
    fn key_hash(&self) -> u64 {
        stable_hash(&self.key)
    }

    #[inline]
    fn hash(&self) -> u64 {
        stable_hash(&self.key)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// The values of the keys whose groups a subtask owns. It can be [snapshot](KeyedSnapshot) while it is in use, and never
/// stops for long to grow.
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
    segments: Segments<Entry<K, V>>,
    groups: KeyGroups,
    /// How stored entries are read, once it is known.
    conversion: Option<Box<Conversion>>,
}

impl<K: Key, V: StateValue> KeyedTable<K, V> {
    /// The empty table of a subtask.
    pub fn new(subtask: SubtaskIndex, parallelism: u32, max_parallelism: u32) -> Self {
        let groups = KeyGroups::of_subtask(subtask, parallelism, max_parallelism);
        Self { segments: Segments::new(groups.owned(), encode_entry::<K, V>), groups, conversion: None }
    }

    fn description() -> TableDescription {
        TableDescription {
            name: "values".to_owned(),
            kind: StateKind::Value,
            key: Schema::of::<K>(),
            namespace: Schema::of::<()>(),
            map_key: None,
            value: Schema::of::<V>(),
            ttl: false,
        }
    }
}

impl<K: Key, V> KeyedTable<K, V> {
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
        let entry = self.segments.get(self.groups.index(hash), hash, |entry| entry.key.borrow() == key)?;
        Some(&entry.value)
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
    #[inline(always)]
    pub fn get_entry_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<(&K, &mut V)>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let group = self.groups.index(hash);
        let entry = self.segments.get_mut(group, hash, |entry| entry.key.borrow() == key)?;
        Some((&entry.key, &mut entry.value))
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
        let group = self.groups.index(hash);
        let entry = match self.segments.slot(group, hash, |entry| entry.key.borrow() == key) {
            Slot::Occupied(entry) => entry,
            Slot::Vacant(slot) => slot.insert(Entry { key: own(), value: create() }),
        };
        &mut entry.value
    }

    /// Adds a key that is not there yet. Returns where it is stored.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask.
    pub fn insert(&mut self, hash: u64, key: K, value: V) -> (&K, &mut V) {
        let group = self.groups.index(hash);
        let entry = self.segments.insert(group, hash, Entry { key, value });
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
        let group = self.groups.index(hash);
        Some(self.segments.find(group, hash, |entry| entry.key.borrow() == key)?.remove().value)
    }

    /// Keeps the entries for which `keep` says so, and removes the others. All count as changed. If a snapshot is not
    /// written yet, what is left of it is encoded first.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.segments.retain(|entry| keep(&entry.key, &mut entry.value));
    }

    /// The key groups that the subtask owns.
    pub fn key_groups(&self) -> Range<u32> {
        self.groups.owned()
    }

    /// All entries, in no particular order, which depends on the changes and restores alone.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.segments.iter().map(|entry| (&entry.key, &entry.value))
    }

    /// As [`iter`](Self::iter), to change the values. All count as changed. If a snapshot is not written yet, what is
    /// left of it is encoded first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.segments.iter_mut().map(|entry| (&entry.key, &mut entry.value))
    }

    /// Removes everything and hands it out. If a snapshot is not written yet, what is left of it is encoded first.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> + '_ {
        self.segments.drain().map(|entry| (entry.key, entry.value))
    }

    /// As [`drain`](Self::drain), but the memory stays for keys to come.
    pub fn drain_with(&mut self, mut take: impl FnMut(K, V)) {
        self.segments.drain_with(|entry| take(entry.key, entry.value));
    }

    /// Whether something of a snapshot that has begun is still to be written.
    pub fn has_pending_snapshot(&self) -> bool {
        self.segments.oldest().is_some()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn encode_entry<K: Key, V: StateValue>(entry: &Entry<K, V>, out: &mut Vec<u8>) -> Result<()> {
    codec::put(&entry.key, out)?;
    codec::put(&entry.value, out)
}

impl<K: Key, V: StateValue> KeyedSnapshot for KeyedTable<K, V> {
    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.segments.begin(id, incremental);
    }

    fn write(&mut self, out: &mut dyn SegmentSink) -> Result<bool> {
        self.segments.oldest().map_or(Ok(true), |id| self.segments.write(id, 0, out))
    }

    fn completed(&mut self, id: CheckpointId) {
        self.segments.completed(id);
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.segments.aborted(id);
    }

    fn restore(&mut self, segment: &RestoredSegment<'_>) -> Result<()> {
        let Self { segments, groups, conversion } = self;
        let conversion = Conversion::of(conversion, segment.table, Self::description, &[])?;
        segments.restore(segment, groups.max_parallelism(), |reader| {
            let (key, value) = (reader.get()?, reader.get_as(&conversion.value)?);
            let entry = Entry { key, value };
            Ok(if conversion.is_same { Restored::AsStored(entry) } else { Restored::Changed(entry) })
        })
    }

    fn entries(&self) -> usize {
        self.len()
    }

    fn describe(&self) -> Vec<TableDescription> {
        vec![Self::description()]
    }
}
