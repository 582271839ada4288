//! Random choices that can be made again.

use std::time::Duration;

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = flott::mix(self.0);
        ((u128::from(mixed) * u128::from(limit)) >> 64) as u64
    }

    /// A time from `from` to `to`, in whole milliseconds.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + Duration::from_millis(self.below((to - from).as_millis() as u64 + 1))
    }

    /// One of them; `None` if there is none.
    pub fn one_of<T>(&mut self, of: Vec<T>) -> Option<T> {
        let at = self.below(of.len().max(1) as u64) as usize;
        of.into_iter().nth(at)
    }
}
