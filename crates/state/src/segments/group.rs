//! A key group and its segments, addressed by linear hashing.

use std::cell::Cell;

use hashbrown::HashTable;

use super::{Stored, files::Written};

/// Which bits of a hash choose the segment: these and those above. The upper half chooses the key group, the bits below
/// and the uppermost ones the place in a hash table that is as small as a segment.
const FIRST_BIT: u32 = 10;

/// With more segments than this many bits can tell apart, a group grows no more.
pub(super) const MAX_DEPTH: u32 = u32::BITS - FIRST_BIT;

/// Whose stamps a read has changed, which no epoch tells.
pub(super) const READ: u32 = 0;

/// Some entries of a key group. Together with its hash table's header a single cache line.
#[repr(align(64))]
pub(super) struct Segment<E> {
    pub(super) table: hashbrown::HashTable<E>,
    /// The epoch in which it was changed last, or [`READ`].
    pub(super) version: Cell<u32>,
    /// Where it is as it is now, if it was written.
    pub(super) written: Option<Written>,
}

impl<E> Segment<E> {
    fn new(table: HashTable<E>, version: u32) -> Self {
        Self { table, version: Cell::new(version), written: None }
    }

    #[inline]
    pub(super) fn note_read(&self, epoch: u32) {
        if self.version.get() != epoch {
            self.version.set(READ);
        }
    }
}

pub(super) struct Group<E> {
    pub(super) segments: Vec<Segment<E>>,
    /// One less than the number of segments, rounded up to a power of two.
    mask: u32,
    /// Number of entries.
    pub(super) len: usize,
    /// How many entries there must be for the next segment to be made.
    grows_at: usize,
}

impl<E> Group<E> {
    pub(super) fn new(epoch: u32) -> Self {
        Self { segments: vec![Segment::new(HashTable::new(), epoch)], mask: 0, len: 0, grows_at: 0 }
    }

    /// The segment of a hash.
    #[inline]
    pub(super) fn index(&self, hash: u64) -> usize {
        let bits = hash as u32 >> FIRST_BIT;
        let index = (bits & self.mask) as usize;
        // Segments that are not there yet are still part of the one that they will be split from.
        if index < self.segments.len() { index } else { (bits & (self.mask >> 1)) as usize }
    }

    #[inline]
    pub(super) fn wants_to_grow(&self) -> bool {
        self.len >= self.grows_at
    }

    /// Lets it grow when there are more than so many entries a segment.
    pub(super) fn set_growth(&mut self, entries_per_segment: usize) {
        let count = self.segments.len();
        self.grows_at =
            if count < 1 << MAX_DEPTH { count.saturating_mul(entries_per_segment) } else { usize::MAX };
    }

    /// The segment that is split next.
    pub(super) fn next_to_split(&self) -> usize {
        let count = self.segments.len();
        count - (1 << count.ilog2())
    }
}

impl<E: Stored> Group<E> {
    /// Makes one segment more, of half of [`next_to_split`](Self::next_to_split).
    pub(super) fn split(&mut self, epoch: u32) {
        let (source, target) = (self.next_to_split(), self.segments.len());
        let bit = 1 << (target.ilog2() + FIRST_BIT);
        let source = &mut self.segments[source].table;
        let mut table = HashTable::with_capacity(source.len() / 2);
        for entry in source.extract_if(|entry| entry.hash() & bit != 0) {
            let hash = entry.hash();
            table.insert_unique(hash, entry, E::hash);
        }
        self.segments.push(Segment::new(table, epoch));
        self.mask = (target + 1).next_power_of_two() as u32 - 1;
    }
}

/// Where a segment is, in a group that has so many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    /// Counted from the subtask's first.
    pub(super) group: usize,
    pub(super) index: usize,
    pub(super) count: usize,
}

impl Address {
    /// How the segment is called in snapshots: the bits that its hashes have in common, below a 1.
    pub(super) fn number(self) -> u32 {
        let full = self.count.ilog2();
        // Those that were split already in this round, and what came from them, are told apart by one bit more.
        let round = 1 << full;
        let is_split = self.index < self.count - round || self.index >= round;
        let depth = if is_split { full + 1 } else { full };
        1 << depth | self.index as u32
    }

    /// The index of a segment from its number, and the least number of segments with which it is called so.
    pub(super) fn of_number(number: u32) -> Option<(usize, usize)> {
        let depth = number.checked_ilog2()?;
        let index = (number - (1 << depth)) as usize;
        if depth > MAX_DEPTH {
            return None;
        }
        let half = (1 << depth) >> 1;
        let count = match depth {
            0 => 1,
            _ if index >= half => index + 1,
            _ => index + half + 1,
        };
        Some((index, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_what_hashes_have_in_common() {
        for count in 1..200usize {
            for index in 0..count {
                let number = Address { group: 0, index, count }.number();
                let (same, least) = Address::of_number(number).unwrap();
                assert!(same == index && least <= count, "{index} of {count}: {number}, from {least}");
                assert_eq!(Address { group: 0, index, count: least }.number(), number);
                if least > 1 {
                    let before = Address { group: 0, index, count: least - 1 };
                    assert!(index == least - 1 || before.number() != number);
                }
            }
        }
        assert_eq!(Address::of_number(0), None);
        assert_eq!(Address::of_number(1 << 23), None);
    }
}
