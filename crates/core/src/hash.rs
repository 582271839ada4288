//! The hash of keys, version 1: the same on every machine, in every process and every release, because it decides
//! which subtask and, in snapshots, which key group a key belongs to.
//!
//! A key is fed through serde into a 64-bit state without being written to a buffer first, so that the hash of an
//! integer compiles to a few instructions. Each value is mixed in by a folded multiplication (the high half of the
//! 128-bit product xor the low half, as in wyhash and rapidhash); text and bytes go through XXH3 (64 bits, seed 0).
//!
//! ```
//! use flott_core::hash::stable_hash;
//! assert_eq!(stable_hash("word"), stable_hash(&String::from("word")));
//! assert_ne!(stable_hash(&1u64), stable_hash(&2u64));
//! ```
//!
//! Integers of any width and sign hash by their value as sign- or zero-extended to 64 bits. Changing anything here
//! moves keys between subtasks and makes every snapshot unreadable: it needs a new version beside this one.

mod serializer;

use serde::Serialize;

use serializer::{KeyHasher, fold};

/// Version of the hash, written into whatever depends on it.
pub const HASH_VERSION: u32 = 1;

/// Hashes a key. Floating point keys hash by their bits.
///
/// A key whose `Serialize` implementation returns an error hashes what it wrote before the error: that is still the
/// same everywhere, and the error shows when the record is sent.
#[inline]
pub fn stable_hash<K: Serialize + ?Sized>(key: &K) -> u64 {
    let mut hasher = KeyHasher::new();
    let _ = key.serialize(&mut hasher);
    hasher.finish()
}

/// Scatters an integer over 64 bits (one round of the hash). For sequences that must look random but repeat.
#[inline]
pub const fn mix(value: u64) -> u64 {
    fold(value ^ serializer::SEED, serializer::MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// These values are part of the on-disk format. If one changes, snapshots and running jobs break.
    #[test]
    fn golden_values() {
        assert_eq!(stable_hash(&0u64), 17_704_892_586_187_570_895);
        assert_eq!(stable_hash(&1u64), 3_865_546_896_207_954_080);
        assert_eq!(stable_hash(&u64::MAX), 17_436_905_901_079_397_461);
        assert_eq!(stable_hash(&-1i32), 17_436_905_901_079_397_461);
        assert_eq!(stable_hash(""), 2_387_677_149_888_510_812);
        assert_eq!(stable_hash("flott"), 18_156_106_284_866_244_428);
        assert_eq!(stable_hash(&("flott", 7u32)), 13_459_396_810_774_813_079);
        assert_eq!(stable_hash(&Some(3u8)), 13_168_824_481_265_536_600);
        assert_eq!(stable_hash(&Option::<u8>::None), 17_704_892_586_187_570_895);
        assert_eq!(stable_hash(&()), 17_704_892_586_187_570_895);
        assert_eq!(stable_hash(&(1u128 << 100)), 11_788_570_651_954_073_177);
    }

    #[test]
    fn width_of_an_integer_does_not_matter() {
        assert_eq!(stable_hash(&7u8), stable_hash(&7u64));
        assert_eq!(stable_hash(&-7i8), stable_hash(&-7i64));
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert_ne!(stable_hash(&("ab", "c")), stable_hash(&("a", "bc")));
        assert_ne!(stable_hash(&vec![1u8]), stable_hash(&vec![1u8, 0]));
        assert_ne!(stable_hash(&Some(0u8)), stable_hash(&Option::<u8>::None));
        assert_ne!(stable_hash(&BTreeMap::from([(1, 2)])), stable_hash(&BTreeMap::from([(2, 1)])));
    }

    #[test]
    fn both_halves_spread_small_integers_evenly() {
        let mut low = [0u32; 128];
        let mut high = [0u32; 128];
        for key in 0..128_000u64 {
            let hash = stable_hash(&key);
            low[(hash & 127) as usize] += 1;
            high[((hash >> 32) & 127) as usize] += 1;
        }
        for count in low.into_iter().chain(high) {
            assert!((800..1200).contains(&count), "a bucket of 128 got {count} of 128,000 keys");
        }
    }
}
