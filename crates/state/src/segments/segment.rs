//! A segment, and how segments are found: linear hashing in all key groups at once.

use std::{cell::Cell, hint::select_unpredictable};

use hashbrown::HashTable;

use super::files::Written;

/// Which bits of a hash choose the segment: these and those above. The upper half chooses the key group, the bits below
/// and the uppermost ones the place in a hash table that is as small as a segment.
const FIRST_BIT: u32 = 10;

/// With more segments than this many bits can tell apart, groups grow no more.
const MAX_DEPTH: u32 = u32::BITS - FIRST_BIT;

/// Whose stamps a read has changed, which no epoch tells.
pub(super) const READ: u32 = 0;

/// Some entries of a key group. With its hash table's header it has the size of a cache line.
pub(super) struct Segment<E> {
    pub(super) table: HashTable<E>,
    /// The epoch in which it was changed last, or [`READ`].
    pub(super) version: Cell<u32>,
    /// Where it is as it is now, if it was written.
    pub(super) written: Option<Written>,
}

impl<E> Segment<E> {
    pub(super) fn new(table: HashTable<E>, version: u32) -> Self {
        Self { table, version: Cell::new(version), written: None }
    }

    #[inline]
    pub(super) fn note_read(&self, epoch: u32) {
        if self.version.get() != epoch {
            self.version.set(READ);
        }
    }
}

/// How the segments lie: one of each group, then a second one of each group, and so on. The last such row may be
/// incomplete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Number of groups.
    pub(super) groups: usize,
    /// One less than the number of rows, rounded up to a power of two.
    mask: u32,
    /// Number of segments in half as many rows as that.
    half: usize,
}

impl Layout {
    pub(super) fn new(groups: usize) -> Self {
        Self { groups, mask: 0, half: 0 }
    }

    /// The position of a hash's segment among `count`.
    #[inline]
    pub(super) fn position(self, count: usize, group: usize, hash: u64) -> usize {
        let row = hash as u32 >> FIRST_BIT & self.mask;
        let position = row as usize * self.groups + group;
        // A segment that is not there yet is still part of the one that it will be split from. Which it is looks random:
        // a branch would be foretold wrongly half of the time.
        select_unpredictable(position < count, position, position.wrapping_sub(self.half))
    }

    /// Whether there may be more than `count` segments.
    pub(super) fn can_grow(self, count: usize) -> bool {
        self.groups > 0 && count < self.groups << MAX_DEPTH
    }

    /// For a segment more than `count`: the position of the one that it is split from, and the bit that is set in the
    /// hashes of those that move.
    pub(super) fn grow(&mut self, count: usize) -> (usize, u64) {
        let (row, group) = (count / self.groups, count % self.groups);
        self.mask = (row + 1).next_power_of_two() as u32 - 1;
        let half = 1 << row.ilog2();
        self.half = half * self.groups;
        ((row - half) * self.groups + group, (half as u64) << FIRST_BIT)
    }

    /// The group of the segment at a position, counted from the subtask's first, and how it is called there: the bits
    /// that its hashes have in common, below a 1.
    pub(super) fn name(self, count: usize, position: usize) -> (usize, u32) {
        let (row, group) = (position / self.groups, position % self.groups);
        let rows = count / self.groups + usize::from(group < count % self.groups);
        let depth = rows.ilog2();
        // Those that were split already in this round, and what came from them, are told apart by one bit more.
        let is_split = row < rows - (1 << depth) || row >= 1 << depth;
        (group, 1 << (depth + u32::from(is_split)) | row as u32)
    }

    /// The position of a segment from its group and number, and the least number of segments with which it is called so.
    pub(super) fn find(self, group: usize, number: u32) -> Option<(usize, usize)> {
        let depth = number.checked_ilog2().filter(|depth| *depth <= MAX_DEPTH)?;
        let row = (number - (1 << depth)) as usize;
        let half = (1 << depth) >> 1;
        // Either it was split from another one, or another one from it.
        let last_row = if row >= half { row } else { row + half };
        Some((row * self.groups + group, last_row * self.groups + group + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_called_by_what_their_hashes_have_in_common() {
        let mut layout = Layout::new(3);
        for count in 3..200usize {
            for position in 0..count {
                let (group, number) = layout.name(count, position);
                let depth = number.ilog2();
                let common = u64::from(number - (1 << depth));
                for above in [0, 1, 5] {
                    let hash = (common | above << depth) << FIRST_BIT | 0xffff_ffff_0000_03ff;
                    assert_eq!(layout.position(count, group, hash), position);
                }
                let (same, least) = layout.find(group, number).unwrap();
                assert!(same == position && least <= count, "{position} of {count}");
                assert_eq!(layout.name(least.max(3), position), (group, number));
                if least > 3 && position < least - 1 {
                    assert_ne!(layout.name(least - 1, position), (group, number));
                }
            }
            let (source, bit) = layout.grow(count);
            assert_eq!((source % 3, bit.count_ones()), (count % 3, 1));
        }
        assert_eq!(layout.find(0, 0), None);
        assert_eq!(layout.find(0, 1 << 23), None);
    }
}
