//! Taking in segments of earlier snapshots.

use flott_core::key_group::key_group;
use hashbrown::hash_table::Entry;

use super::{RESTORED, Segments, Stored};
use crate::{Result, codec::Reader, snapshot::RestoredSegment};

/// What became of an entry of a snapshot.
pub(crate) enum Restored<E> {
    /// It would be written just as it was.
    AsStored(E),
    Changed(E),
    /// It is not there any more.
    Dropped,
}

impl<E: Stored> Segments<E> {
    /// Takes in a segment whose entries `decode` makes. If what is then in memory would be written just as it was, it may
    /// be referred to where it is. Skips segments of foreign groups.
    pub(crate) fn restore(
        &mut self,
        restored: &RestoredSegment<'_>,
        max_parallelism: u32,
        mut decode: impl FnMut(&mut Reader<'_>) -> Result<Restored<E>>,
    ) -> Result<()> {
        let group = restored.group.wrapping_sub(self.log.first_group()) as usize;
        if group >= self.layout.groups {
            return Ok(());
        }
        let (mut reader, entries) = Reader::of_segment(restored)?;
        let Some((position, count)) = self.layout.find(group, restored.segment) else {
            return Err(reader.damaged_at(0, "there is no segment of this number"));
        };
        // As it was cut then, so that the pieces are the same again.
        while self.segments.len() < count {
            self.split();
        }
        let mut is_as_stored = true;
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
            if !self.insert_restored(group, entry) {
                return Err(reader.damaged_at(start, "it has a key that is there already"));
            }
        }
        reader.finish()?;
        self.log.measure(entries, restored.bytes.len());
        self.update_growth();
        if let Some(location) = restored.location
            && is_as_stored
            // A snapshot that is under way does not contain it.
            && self.epoch == RESTORED + 1
            && self.segments[position].table.len() == entries
            && self.layout.name(self.segments.len(), position) == (group, restored.segment)
        {
            self.log.note_restored(&mut self.segments[position], location);
        }
        Ok(())
    }

    /// Adds an entry, without making more segments. Returns whether there was none for the same place.
    fn insert_restored(&mut self, group: usize, entry: E) -> bool {
        let hash = entry.hash();
        let position = self.position(group, hash);
        if self.segments[position].version.get() != self.epoch {
            self.before_change(position);
        }
        let table = &mut self.segments[position].table;
        match table.entry(hash, |other| other.is_same(&entry), E::hash) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(slot) => slot.insert(entry),
        };
        self.len += 1;
        true
    }
}
