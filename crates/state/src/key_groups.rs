use std::ops::Range;

use flott_core::{
    SubtaskIndex,
    key_group::{groups_of_subtask, key_group},
};

/// The key groups that a subtask owns.
#[derive(Clone, Debug)]
pub(crate) struct KeyGroups {
    owned: Range<u32>,
    max_parallelism: u32,
    /// One less than their number if that is a power of two, as it is by default, which saves a division.
    mask: Option<u32>,
}

impl KeyGroups {
    pub(crate) fn of_subtask(subtask: SubtaskIndex, parallelism: u32, max_parallelism: u32) -> Self {
        Self::new(groups_of_subtask(subtask, parallelism, max_parallelism), max_parallelism)
    }

    pub(crate) fn new(owned: Range<u32>, max_parallelism: u32) -> Self {
        let mask = max_parallelism.is_power_of_two().then(|| max_parallelism - 1);
        Self { owned, max_parallelism, mask }
    }

    pub(crate) fn owned(&self) -> Range<u32> {
        self.owned.clone()
    }

    pub(crate) fn max_parallelism(&self) -> u32 {
        self.max_parallelism
    }

    /// The group of a key with this hash, counted from the first owned one.
    ///
    /// # Panics
    /// If the key belongs to a group of another subtask: going on would split its state.
    #[inline]
    pub(crate) fn index(&self, hash: u64) -> usize {
        let group = match self.mask {
            Some(mask) => (hash >> 32) as u32 & mask,
            None => key_group(hash, self.max_parallelism),
        };
        let index = group.wrapping_sub(self.owned.start);
        assert!(
            index < self.owned.end.wrapping_sub(self.owned.start),
            "records reach only the subtask that owns their key group: the key of a record must be the same each time"
        );
        index as usize
    }
}

#[cfg(test)]
mod tests {
    use flott_core::hash::stable_hash;

    use super::*;

    #[test]
    fn groups_are_those_of_the_rule_with_and_without_a_mask() {
        for max_parallelism in [1, 2, 3, 100, 128, 1 << 15] {
            let groups = KeyGroups::of_subtask(SubtaskIndex(0), 1, max_parallelism);
            for key in 0..1_000u32 {
                let hash = stable_hash(&key);
                assert_eq!(groups.index(hash), key_group(hash, max_parallelism) as usize);
            }
        }
    }
}
