use std::{
    fmt,
    ops::{Add, Neg},
    time::Duration,
};

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A distance in time with a direction, in whole milliseconds: by how much windows are shifted, or how far a join looks
/// back and ahead. What is less than a millisecond is cut off; what a timestamp can't hold saturates.
///
/// ```
/// # use std::time::Duration;
/// # use flott_runtime::windowing::TimeOffset;
/// // Days that begin at midnight in China, which is eight hours ahead of UTC.
/// let offset = TimeOffset::before(Duration::from_secs(8 * 3_600));
/// assert_eq!(offset.as_millis(), -28_800_000);
/// assert_eq!(-offset, Duration::from_secs(8 * 3_600).into());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeOffset(i64);

impl TimeOffset {
    /// No distance.
    pub const ZERO: Self = Self(0);

    /// This much earlier.
    pub fn before(duration: Duration) -> Self {
        Self(-millis(duration))
    }

    /// This much later.
    pub fn after(duration: Duration) -> Self {
        Self(millis(duration))
    }

    /// `millis` milliseconds later, or earlier if negative.
    pub const fn from_millis(millis: i64) -> Self {
        // So that the sign of each can be changed.
        Self(if millis == i64::MIN { -i64::MAX } else { millis })
    }

    /// Milliseconds, negative if it leads to an earlier time.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Whole milliseconds, at most as many as a timestamp can hold.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<Duration> for TimeOffset {
    fn from(duration: Duration) -> Self {
        Self::after(duration)
    }
}

impl Neg for TimeOffset {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// Saturates at the ends of time.
impl Add<TimeOffset> for Timestamp {
    type Output = Self;

    #[inline]
    fn add(self, offset: TimeOffset) -> Self {
        Self::from_millis(self.as_millis().saturating_add(offset.0))
    }
}

impl fmt::Display for TimeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_saturate_and_can_be_turned_round() {
        assert_eq!(TimeOffset::before(Duration::MAX).as_millis(), -i64::MAX);
        assert_eq!(-TimeOffset::before(Duration::MAX), TimeOffset::after(Duration::MAX));
        assert_eq!(-TimeOffset::from_millis(i64::MIN), TimeOffset::from_millis(i64::MAX));
        assert_eq!(Timestamp::MIN + TimeOffset::from_millis(-1), Timestamp::MIN);
        assert_eq!(
            Timestamp::EPOCH + TimeOffset::before(Duration::from_micros(2_500)),
            Timestamp::from_millis(-2)
        );
    }
}
