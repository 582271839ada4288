//! The hash tables beneath everything that is kept by key, cut into segments that are snapshot one by one.
//!
//! A key group holds a number of small hash tables, its segments. They are addressed by *linear hashing* (Litwin, VLDB
//! 1980): when there are more entries, one segment more is made of half of the entries of another one, group by group, so
//! that growing never takes longer than moving a few hundred entries, however many there are. Which segment of its group
//! an entry belongs to is decided by bits of its hash that neither choose the group nor the place in a small hash table.
//! All groups have the same number of segments (or one more), since hashes spread keys evenly over them: so where a
//! segment is follows from the hash alone.
//!
//! Each segment carries the *epoch* in which it was changed last; an epoch ends when a snapshot begins. A change costs
//! one comparison with the current epoch, and only the first one of an epoch more than that: if the segment still has
//! to be written for a snapshot, it is encoded before it changes.

mod files;
mod log;
mod restore;
mod segment;
#[cfg(test)]
mod tests;

use std::ops::Range;

use flott_core::CheckpointId;
use hashbrown::{
    HashTable,
    hash_table::{Entry, OccupiedEntry, VacantEntry},
};

use crate::{Result, snapshot::SegmentSink};
use log::SnapshotLog;
pub(crate) use restore::Restored;
use segment::{Layout, Segment};

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
    segments: Vec<Segment<E>>,
    layout: Layout,
    /// The current one.
    epoch: u32,
    /// Number of entries.
    len: usize,
    /// How many entries there must be for the next segment to be made.
    grows_at: usize,
    log: SnapshotLog<E>,
}

/// The epoch of what was restored. The first one follows it.
const RESTORED: u32 = 1;

impl<E: Stored> Segments<E> {
    /// Nothing yet, in these key groups.
    pub(crate) fn new(groups: Range<u32>, encode: EncodeEntry<E>) -> Self {
        let epoch = RESTORED + 1;
        Self {
            segments: groups.clone().map(|_| Segment::new(HashTable::new(), epoch)).collect(),
            layout: Layout::new(groups.len()),
            epoch,
            len: 0,
            grows_at: 0,
            log: SnapshotLog::new(groups.start, encode),
        }
    }

    /// Number of entries.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn position(&self, group: usize, hash: u64) -> usize {
        self.layout.position(self.segments.len(), group, hash)
    }

    /// The entry with this hash in a group, counted from the first.
    #[inline]
    pub(crate) fn get(&self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        self.segments[self.position(group, hash)].table.find(hash, is)
    }

    /// To be called if reading has changed an entry with this hash, such as the time until which it lives. The segment
    /// is written again, but not before it changes: a pending snapshot may contain what was read after it began.
    pub(crate) fn note_read(&self, group: usize, hash: u64) {
        self.segments[self.position(group, hash)].note_read(self.epoch);
    }

    /// The entry with this hash in a group, to change it.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        let position = self.position(group, hash);
        if self.segments[position].version.get() != self.epoch {
            return Some(self.find_first(position, hash, is)?.into_mut());
        }
        self.segments[position].table.find_mut(hash, is)
    }

    /// The entry with this hash in a group, to change or remove it.
    #[inline]
    pub(crate) fn find(&mut self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<Found<'_, E>> {
        let position = self.position(group, hash);
        if self.segments[position].version.get() != self.epoch {
            return self.find_first(position, hash, is);
        }
        let entry = self.segments[position].table.find_entry(hash, is).ok()?;
        Some(Found { entry, len: &mut self.len })
    }

    /// As [`find`](Self::find), in a segment that has not changed in the current epoch. Apart from it, so that the rest
    /// is as short as can be.
    #[cold]
    #[inline(never)]
    fn find_first(&mut self, position: usize, hash: u64, is: impl Fn(&E) -> bool) -> Option<Found<'_, E>> {
        // If there is nothing to change, nothing changes.
        self.segments[position].table.find(hash, &is)?;
        self.before_change(position);
        let entry = self.segments[position].table.find_entry(hash, is).ok()?;
        Some(Found { entry, len: &mut self.len })
    }

    /// The place for an entry with this hash in a group, taken or not; the caller will change it.
    #[inline]
    pub(crate) fn slot(&mut self, group: usize, hash: u64, is: impl Fn(&E) -> bool) -> Slot<'_, E> {
        let mut position = self.position(group, hash);
        if self.len >= self.grows_at || self.segments[position].version.get() != self.epoch {
            position = self.make_ready(group, hash);
        }
        match self.segments[position].table.entry(hash, is, E::hash) {
            Entry::Occupied(entry) => Slot::Occupied(entry.into_mut()),
            Entry::Vacant(entry) => Slot::Vacant(Vacant { entry, len: &mut self.len }),
        }
    }

    /// Adds an entry that is not there yet.
    #[inline]
    pub(crate) fn insert(&mut self, group: usize, hash: u64, entry: E) -> &mut E {
        let mut position = self.position(group, hash);
        if self.len >= self.grows_at || self.segments[position].version.get() != self.epoch {
            position = self.make_ready(group, hash);
        }
        self.len += 1;
        self.segments[position].table.insert_unique(hash, entry, E::hash).into_mut()
    }

    /// Lets there be more segments if need be, and prepares one for a change.
    #[cold]
    #[inline(never)]
    fn make_ready(&mut self, group: usize, hash: u64) -> usize {
        if self.len >= self.grows_at {
            let position = self.position(group, hash);
            self.log.sample(&self.segments[position]);
            if self.len >= self.update_growth() {
                self.split();
                self.update_growth();
            }
        }
        let position = self.position(group, hash);
        if self.segments[position].version.get() != self.epoch {
            self.before_change(position);
        }
        position
    }

    /// To be called before a segment changes for the first time in the current epoch.
    #[cold]
    fn before_change(&mut self, position: usize) {
        let count = self.segments.len();
        let name = self.layout.name(count, position);
        self.log.before_change(&mut self.segments[position], (position, name), self.epoch);
    }

    /// Lets there be one segment more when there are more entries a segment than there should be: so many, which is
    /// returned. That is thought over when there are twice as many as now, since it is known better then how large they
    /// are.
    fn update_growth(&mut self) -> usize {
        let count = self.segments.len();
        let target = if self.layout.can_grow(count) {
            count.saturating_mul(self.log.entries_per_segment())
        } else {
            usize::MAX
        };
        self.grows_at = target.min((self.len + 1).saturating_mul(2));
        target
    }

    /// Makes one segment more.
    fn split(&mut self) {
        let before = self.layout;
        let count = self.segments.len();
        let (source, bit) = self.layout.grow(count);
        let source_name = before.name(count, source);
        let segment = &mut self.segments[source];
        self.log.before_change(segment, (source, source_name), self.epoch);
        let mut table = HashTable::with_capacity(segment.table.len() / 2);
        for entry in segment.table.extract_if(|entry| entry.hash() & bit != 0) {
            let hash = entry.hash();
            table.insert_unique(hash, entry, E::hash);
        }
        self.segments.push(Segment::new(table, self.epoch));
    }

    /// All entries, in an order that depends on the changes and restores alone.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.segments.iter().flat_map(|segment| &segment.table)
    }

    /// All entries, to change them. If a snapshot is not written yet, what is left of it is encoded first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.before_changing_all();
        self.segments.iter_mut().flat_map(|segment| &mut segment.table)
    }

    /// Takes out all entries. If a snapshot is not written yet, what is left of it is encoded first.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = E> + '_ {
        self.before_changing_all();
        self.len = 0;
        let mut tables: Vec<_> =
            self.segments.iter_mut().map(|segment| std::mem::take(&mut segment.table)).collect();
        tables.reverse();
        std::iter::from_fn(move || tables.pop()).flatten()
    }

    /// As [`drain`](Self::drain), but the memory stays for entries to come.
    pub(crate) fn drain_with(&mut self, mut take: impl FnMut(E)) {
        self.before_changing_all();
        self.len = 0;
        for segment in &mut self.segments {
            segment.table.drain().for_each(&mut take);
        }
    }

    /// Keeps the entries for which `keep` says so.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut E) -> bool) {
        self.before_changing_all();
        self.len = 0;
        for segment in &mut self.segments {
            segment.table.retain(&mut keep);
            self.len += segment.table.len();
        }
    }

    fn before_changing_all(&mut self) {
        for position in 0..self.segments.len() {
            let segment = &self.segments[position];
            if segment.version.get() != self.epoch && !segment.table.is_empty() {
                self.before_change(position);
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
        let mut segments_to_begin = self.segments.len();
        while budget > 0 {
            let Some(segment) = self.segments.get(from.segment) else { return budget };
            budget -= 1;
            if segment.table.is_empty() || from.bucket >= segment.table.num_buckets() {
                if segments_to_begin == 0 {
                    break;
                }
                segments_to_begin -= 1;
                *from = Position { segment: (from.segment + 1) % self.segments.len(), bucket: 0 };
                continue;
            }
            if let Some(entry) = segment.table.get_bucket(from.bucket) {
                let looked = look(entry);
                budget -= looked.cost as isize - 1;
                if looked.is_due {
                    self.clean(*from, &mut clean);
                }
            }
            from.bucket += 1;
        }
        budget
    }

    fn clean(&mut self, at: Position, clean: &mut impl FnMut(&mut E) -> bool) {
        if self.segments[at.segment].version.get() != self.epoch {
            self.before_change(at.segment);
        }
        if let Ok(mut entry) = self.segments[at.segment].table.get_bucket_entry(at.bucket)
            && !clean(entry.get_mut())
        {
            entry.remove();
            self.len -= 1;
        }
    }

    /// What is here now belongs to the snapshot.
    pub(crate) fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.log.begin((&self.segments, self.layout), (id, incremental), self.epoch);
        self.epoch += 1;
    }

    /// The snapshot that is to be written first.
    pub(crate) fn oldest(&self) -> Option<CheckpointId> {
        self.log.oldest()
    }

    /// Writes of a snapshot until the sink is full, as a table at this position. Returns whether nothing is left of it.
    pub(crate) fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        let outcome = self.log.write((&mut self.segments, self.layout), (id, table), out);
        // The sizes of what was written are known now.
        self.update_growth();
        outcome
    }

    /// As [`KeyedSnapshot::completed`](crate::KeyedSnapshot::completed).
    pub(crate) fn completed(&mut self, id: CheckpointId) {
        self.log.completed(id);
    }

    /// As [`KeyedSnapshot::aborted`](crate::KeyedSnapshot::aborted).
    pub(crate) fn aborted(&mut self, id: CheckpointId) {
        self.log.aborted(id);
    }
}

/// Where a sweep goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    segment: usize,
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
