//! The hash tables beneath everything that is kept by key, cut into segments that are snapshot one by one.
//!
//! A key group holds a number of small hash tables, its segments. They are addressed by *linear hashing* (Litwin, VLDB
//! 1980): when a group has grown, one segment more is made of half of the entries of another one, so that growing never
//! takes longer than moving a few hundred entries, however large the group is. Which segment an entry belongs to is
//! decided by bits of its hash that neither choose its key group nor its place in a small hash table.
//!
//! Each segment carries the *epoch* in which it was changed last; an epoch ends when a snapshot begins. A change costs
//! one comparison with the current epoch, and only the first one of an epoch more than that: if the segment still has
//! to be written for a snapshot, it is encoded before it changes.

mod files;
mod group;
mod log;
#[cfg(test)]
mod tests;

use std::ops::Range;

use flott_core::{CheckpointId, key_group::key_group};
use hashbrown::hash_table::{Entry, OccupiedEntry, VacantEntry};

use crate::{
    Result,
    codec::Reader,
    snapshot::{RestoredSegment, SegmentSink},
};
use group::{Address, Group};
use log::SnapshotLog;

/// What segments consist of.
pub(crate) trait Stored {
    /// The stable hash of the key, which chooses the key group.
    fn key_hash(&self) -> u64;

    /// The hash by which the entry is found in its group.
    fn hash(&self) -> u64;

    /// Whether both are for the same place.
    fn is_same(&self, other: &Self) -> bool;
}

/// How an entry is written.
pub(crate) type EncodeEntry<E> = fn(&E, &mut Vec<u8>) -> Result<()>;

/// Entries by key group and hash.
pub(crate) struct Segments<E> {
    groups: Vec<Group<E>>,
    /// The current one.
    epoch: u32,
    log: SnapshotLog<E>,
}

/// The epoch of what was restored. The first one follows it.
const RESTORED: u32 = 1;

impl<E: Stored> Segments<E> {
    /// Nothing yet, in these key groups.
    pub(crate) fn new(groups: Range<u32>) -> Self {
        let epoch = RESTORED + 1;
        Self {
            groups: groups.clone().map(|_| Group::new(epoch)).collect(),
            epoch,
            log: SnapshotLog::new(groups.start),
        }
    }

    /// Number of key groups.
    #[inline]
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.groups.iter().map(|group| group.len).sum()
    }

    /// The entry with this hash in a group, counted from the first.
    #[inline]
    pub(crate) fn get(&self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        let group = &self.groups[group];
        group.segments[group.index(hash)].table.find(hash, is)
    }

    /// To be called if reading has changed an entry with this hash, such as the time until which it lives. The segment
    /// is written again, but not before it changes: a pending snapshot may contain what was read after it began.
    pub(crate) fn note_read(&self, group: usize, hash: u64) {
        let group = &self.groups[group];
        group.segments[group.index(hash)].note_read(self.epoch);
    }

    /// The entry with this hash in a group, to change or remove it.
    #[inline]
    pub(crate) fn find(&mut self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<Found<'_, E>> {
        let Self { groups, epoch, log } = self;
        let in_group = &mut groups[group];
        let index = in_group.index(hash);
        let count = in_group.segments.len();
        let segment = &mut in_group.segments[index];
        if segment.version.get() != *epoch {
            segment.table.find(hash, &is)?;
            log.before_change(segment, Address { group, index, count }, *epoch);
        }
        let entry = segment.table.find_entry(hash, is).ok()?;
        Some(Found { entry, len: &mut in_group.len })
    }

    /// The place for an entry with this hash in a group, taken or not; the caller will change it.
    #[inline]
    pub(crate) fn slot(&mut self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Slot<'_, E> {
        if self.groups[group].wants_to_grow() {
            self.grow(group);
        }
        let Self { groups, epoch, log } = self;
        let in_group = &mut groups[group];
        let index = in_group.index(hash);
        let count = in_group.segments.len();
        let segment = &mut in_group.segments[index];
        if segment.version.get() != *epoch {
            log.before_change(segment, Address { group, index, count }, *epoch);
        }
        match segment.table.entry(hash, is, E::hash) {
            Entry::Occupied(entry) => Slot::Occupied(entry.into_mut()),
            Entry::Vacant(entry) => Slot::Vacant(Vacant { entry, len: &mut in_group.len }),
        }
    }

    /// Adds an entry that is not there yet.
    #[inline]
    pub(crate) fn insert(&mut self, group: usize, hash: u64, entry: E) -> &mut E {
        if self.groups[group].wants_to_grow() {
            self.grow(group);
        }
        let Self { groups, epoch, log } = self;
        let in_group = &mut groups[group];
        let index = in_group.index(hash);
        let count = in_group.segments.len();
        let segment = &mut in_group.segments[index];
        if segment.version.get() != *epoch {
            log.before_change(segment, Address { group, index, count }, *epoch);
        }
        in_group.len += 1;
        segment.table.insert_unique(hash, entry, E::hash).into_mut()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, group: usize) {
        self.groups[group].set_growth(self.log.entries_per_segment());
        if self.groups[group].wants_to_grow() {
            self.split(group);
            self.groups[group].set_growth(self.log.entries_per_segment());
        }
    }

    /// Makes one segment more in a group.
    fn split(&mut self, group: usize) {
        let Self { groups, epoch, log } = self;
        let in_group = &mut groups[group];
        let (index, count) = (in_group.next_to_split(), in_group.segments.len());
        log.before_change(&mut in_group.segments[index], Address { group, index, count }, *epoch);
        in_group.split(*epoch);
    }

    /// All entries, one key group after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.groups.iter().flat_map(|group| &group.segments).flat_map(|segment| &segment.table)
    }

    /// All entries, to change them. If a snapshot is not written yet, what is left of it is encoded first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.before_changing_all();
        self.groups.iter_mut().flat_map(|group| &mut group.segments).flat_map(|segment| &mut segment.table)
    }

    /// Takes out all entries. If a snapshot is not written yet, what is left of it is encoded first.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = E> + '_ {
        self.before_changing_all();
        self.groups.iter_mut().flat_map(|group| {
            group.len = 0;
            group.segments.iter_mut().flat_map(|segment| std::mem::take(&mut segment.table))
        })
    }

    /// Keeps the entries for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut E) -> bool) {
        self.before_changing_all();
        for group in &mut self.groups {
            group.len = 0;
            for segment in &mut group.segments {
                segment.table.retain(&mut keep);
                group.len += segment.table.len();
            }
        }
    }

    fn before_changing_all(&mut self) {
        let Self { groups, epoch, log } = self;
        for (group, in_group) in groups.iter_mut().enumerate() {
            let count = in_group.segments.len();
            for (index, segment) in in_group.segments.iter_mut().enumerate() {
                if segment.version.get() != *epoch && !segment.table.is_empty() {
                    log.before_change(segment, Address { group, index, count }, *epoch);
                }
            }
        }
    }

    /// Goes on with the endless round over all entries until `budget` is used up, one round at most. An entry that
    /// `look` finds wanting is changed by `clean`, which says whether it stays. Returns what is left of the budget: less
    /// than nothing if the last entry was a costly one.
    pub(crate) fn sweep(
        &mut self,
        from: &mut Position,
        mut budget: isize,
        look: impl Fn(&E) -> Looked,
        mut clean: impl FnMut(&mut E) -> bool,
    ) -> isize {
        let Self { groups, epoch, log } = self;
        let number_of_groups = groups.len();
        let mut groups_to_begin = number_of_groups;
        while budget > 0 {
            let Some(in_group) = groups.get_mut(from.group) else { return budget };
            budget -= 1;
            let count = in_group.segments.len();
            let segment = &mut in_group.segments[from.index];
            if segment.table.is_empty() || from.bucket >= segment.table.num_buckets() {
                from.bucket = 0;
                from.index += 1;
                if in_group.len > 0 && from.index < count {
                    continue;
                }
                from.index = 0;
                if groups_to_begin == 0 {
                    break;
                }
                groups_to_begin -= 1;
                from.group = (from.group + 1) % number_of_groups;
                continue;
            }
            if let Some(entry) = segment.table.get_bucket(from.bucket) {
                let looked = look(entry);
                budget -= looked.cost as isize - 1;
                if looked.is_due {
                    if segment.version.get() != *epoch {
                        log.before_change(segment, Address { group: from.group, index: from.index, count }, *epoch);
                    }
                    if let Ok(mut entry) = segment.table.get_bucket_entry(from.bucket)
                        && !clean(entry.get_mut())
                    {
                        entry.remove();
                        in_group.len -= 1;
                    }
                }
            }
            from.bucket += 1;
        }
        budget
    }

    /// What is here now belongs to the snapshot.
    pub(crate) fn begin(&mut self, id: CheckpointId, incremental: bool, encode: EncodeEntry<E>) {
        self.log.begin(&self.groups, (id, incremental), self.epoch, encode);
        self.epoch += 1;
    }

    /// The snapshot that is to be written first.
    pub(crate) fn oldest(&self) -> Option<CheckpointId> {
        self.log.oldest()
    }

    /// Writes of a snapshot until the sink is full, as a table at this position. Returns whether nothing is left of it.
    pub(crate) fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        self.log.write(&mut self.groups, (id, table), out)
    }

    /// As [`KeyedSnapshot::completed`](crate::KeyedSnapshot::completed).
    pub(crate) fn completed(&mut self, id: CheckpointId) {
        self.log.completed(id);
    }

    /// As [`KeyedSnapshot::aborted`](crate::KeyedSnapshot::aborted).
    pub(crate) fn aborted(&mut self, id: CheckpointId) {
        self.log.aborted(id);
    }

    /// Takes in a segment whose entries `decode` makes; `None` for those that are not to be kept. If what is then in
    /// memory would be written just as it was, it may be referred to where it is. Skips segments of foreign groups.
    pub(crate) fn restore(
        &mut self,
        restored: &RestoredSegment<'_>,
        max_parallelism: u32,
        mut decode: impl FnMut(&mut Reader<'_>) -> Result<Restored<E>>,
    ) -> Result<()> {
        let group = restored.group.wrapping_sub(self.log.first_group()) as usize;
        if group >= self.groups.len() {
            return Ok(());
        }
        let (mut reader, entries) = Reader::of_segment(restored)?;
        let Some((index, count)) = Address::of_number(restored.segment) else {
            return Err(reader.damaged_at(0, "there is no segment of this number"));
        };
        // As it was cut then, so that the pieces are the same again.
        while self.groups[group].segments.len() < count {
            self.split(group);
        }
        let mut is_as_stored = restored.location.is_some() && self.epoch == RESTORED + 1;
        for _ in 0..entries {
            let start = reader.position();
            let entry = match decode(&mut reader)? {
                Restored::AsStored(entry) => entry,
                Restored::Changed(entry) => {
                    is_as_stored = false;
                    entry
                }
                Restored::Dropped => {
                    is_as_stored = false;
                    continue;
                }
            };
            let key_group = key_group(entry.key_hash(), max_parallelism);
            if key_group != restored.group {
                let reason = format!("its key belongs to key group {key_group} of {max_parallelism}");
                return Err(reader.damaged_at(start, reason));
            }
            let hash = entry.hash();
            match self.slot_to_restore(group, hash, &entry) {
                Slot::Vacant(slot) => {
                    slot.insert(entry);
                }
                Slot::Occupied(_) => return Err(reader.damaged_at(start, "it has a key that is there already")),
            }
        }
        reader.finish()?;
        self.log.measure(entries, restored.bytes.len());
        let in_group = &mut self.groups[group];
        in_group.set_growth(self.log.entries_per_segment());
        let count = in_group.segments.len();
        let segment = &mut in_group.segments[index];
        if let Some(location) = restored.location
            && is_as_stored
            && segment.table.len() == entries
            && (Address { group, index, count }).number() == restored.segment
        {
            self.log.note_restored(segment, location);
        }
        Ok(())
    }

    /// As [`slot`](Self::slot), but without splitting anything.
    fn slot_to_restore(&mut self, group: usize, hash: u64, entry: &E) -> Slot<'_, E> {
        let Self { groups, epoch, log } = self;
        let in_group = &mut groups[group];
        let index = in_group.index(hash);
        let count = in_group.segments.len();
        let segment = &mut in_group.segments[index];
        if segment.version.get() != *epoch {
            log.before_change(segment, Address { group, index, count }, *epoch);
        }
        match segment.table.entry(hash, |other| other.is_same(entry), E::hash) {
            Entry::Occupied(entry) => Slot::Occupied(entry.into_mut()),
            Entry::Vacant(entry) => Slot::Vacant(Vacant { entry, len: &mut in_group.len }),
        }
    }
}

/// What became of an entry of a snapshot.
pub(crate) enum Restored<E> {
    /// It would be written just as it was.
    AsStored(E),
    Changed(E),
    /// It is not there any more.
    Dropped,
}

/// Where a sweep goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    group: usize,
    index: usize,
    bucket: usize,
}

/// What a sweep sees in an entry.
pub(crate) struct Looked {
    /// Whether there is something to be removed.
    pub(crate) is_due: bool,
    /// How much work it was; 1 for looking at a single value.
    pub(crate) cost: usize,
}

/// An entry that was found, to be changed or removed.
pub(crate) struct Found<'a, E> {
    entry: OccupiedEntry<'a, E>,
    len: &'a mut usize,
}

impl<'a, E> Found<'a, E> {
    #[inline]
    pub(crate) fn get(&self) -> &E {
        self.entry.get()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut E {
        self.entry.get_mut()
    }

    #[inline]
    pub(crate) fn into_mut(self) -> &'a mut E {
        self.entry.into_mut()
    }

    #[inline]
    pub(crate) fn remove(self) -> E {
        *self.len -= 1;
        self.entry.remove().0
    }
}

/// The place for an entry.
pub(crate) enum Slot<'a, E> {
    Occupied(&'a mut E),
    Vacant(Vacant<'a, E>),
}

/// The place of an entry that is not there.
pub(crate) struct Vacant<'a, E> {
    entry: VacantEntry<'a, E>,
    len: &'a mut usize,
}

impl<'a, E> Vacant<'a, E> {
    #[inline]
    pub(crate) fn insert(self, entry: E) -> &'a mut E {
        *self.len += 1;
        self.entry.insert(entry).into_mut()
    }
}
