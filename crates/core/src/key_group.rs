//! Key groups: the units in which keyed records and keyed state are spread over subtasks.
//!
//! A key belongs to one of `max_parallelism` groups for the life of its job; a subtask owns a contiguous range of
//! groups, so that rescaling moves ranges and never single keys (Carbone et al., "State Management in Apache Flink",
//! VLDB 2017). The formulas are part of the on-disk format.

use crate::SubtaskIndex;

/// Most key groups that a job may have.
pub const MAX_PARALLELISM_LIMIT: u32 = 1 << 15;

/// The key group of a key with this [`stable_hash`](crate::hash::stable_hash).
///
/// Takes the hash's high half, so that hash tables can index by the low half without all keys of a group meeting in
/// few buckets.
#[inline]
pub const fn key_group(hash: u64, max_parallelism: u32) -> u32 {
    ((hash >> 32) as u32) % max_parallelism
}

/// The subtask that owns a key group.
#[inline]
pub const fn subtask_of_group(group: u32, parallelism: u32, max_parallelism: u32) -> SubtaskIndex {
    SubtaskIndex((group as u64 * parallelism as u64 / max_parallelism as u64) as u32)
}

/// The key groups that a subtask owns. Empty only if there are more subtasks than groups.
pub fn groups_of_subtask(
    subtask: SubtaskIndex,
    parallelism: u32,
    max_parallelism: u32,
) -> std::ops::Range<u32> {
    let first = |subtask: u64| (subtask * u64::from(max_parallelism)).div_ceil(u64::from(parallelism)) as u32;
    first(u64::from(subtask.0))..first(u64::from(subtask.0) + 1)
}

/// The max parallelism of a vertex for which none was set: one and a half times the parallelism, rounded up to a
/// power of two, between 128 and 32,768. As Flink's `KeyGroupRangeAssignment.computeDefaultMaxParallelism`.
pub fn default_max_parallelism(parallelism: u32) -> u32 {
    let parallelism = parallelism.min(MAX_PARALLELISM_LIMIT);
    (parallelism + parallelism / 2).next_power_of_two().clamp(128, MAX_PARALLELISM_LIMIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_values() {
        assert_eq!(key_group(0, 128), 0);
        assert_eq!(key_group(0x0000_0081_dead_beef, 128), 1);
        assert_eq!(key_group(u64::MAX, 128), 127);
        assert_eq!(key_group(u64::MAX, 100), (u32::MAX % 100));
        assert_eq!(subtask_of_group(0, 3, 128), SubtaskIndex(0));
        assert_eq!(subtask_of_group(42, 3, 128), SubtaskIndex(0));
        assert_eq!(subtask_of_group(43, 3, 128), SubtaskIndex(1));
        assert_eq!(subtask_of_group(127, 3, 128), SubtaskIndex(2));
        assert_eq!(groups_of_subtask(SubtaskIndex(1), 3, 128), 43..86);
        assert_eq!(default_max_parallelism(1), 128);
        assert_eq!(default_max_parallelism(128), 256);
        assert_eq!(default_max_parallelism(30_000), 32_768);
    }

    proptest! {
        #[test]
        fn each_group_has_exactly_one_owner(
            (max_parallelism, parallelism) in (1u32..2_000).prop_flat_map(|max| (Just(max), 1..=max)),
        ) {
            let mut next = 0;
            for subtask in 0..parallelism {
                let range = groups_of_subtask(SubtaskIndex(subtask), parallelism, max_parallelism);
                prop_assert_eq!(range.start, next);
                next = range.end;
                for group in range {
                    prop_assert_eq!(subtask_of_group(group, parallelism, max_parallelism), SubtaskIndex(subtask));
                }
            }
            prop_assert_eq!(next, max_parallelism);
        }
    }
}
