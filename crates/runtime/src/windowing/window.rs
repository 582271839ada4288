use std::fmt;

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A finite set of records of a key. It knows when it is complete.
pub trait Window: Clone + Eq + fmt::Debug + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The greatest timestamp that can still belong to the window; that of the records that are emitted for it.
    fn max_timestamp(&self) -> Timestamp;
}

/// The records from `start` (included) to `end` (excluded).
///
/// Both saturate at the ends of time: the last window of all ends at [`Timestamp::MAX`], which it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    start: Timestamp,
    end: Timestamp,
}

impl TimeWindow {
    /// The window from `start` (included) to `end` (excluded).
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// The first timestamp that belongs to the window.
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first timestamp that no longer belongs to the window.
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether both have a timestamp in common, or one begins where the other ends.
    pub fn intersects(&self, other: &Self) -> bool {
        self.start <= other.end && self.end >= other.start
    }

    /// The smallest window that contains both.
    #[must_use]
    pub fn cover(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl Window for TimeWindow {
    #[inline]
    fn max_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.end.as_millis().saturating_sub(1))
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeWindow{{start={}, end={}}}", self.start, self.end)
    }
}

/// All records of a key. It never ends, so only a trigger makes it give something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GlobalWindow;

impl Window for GlobalWindow {
    fn max_timestamp(&self) -> Timestamp {
        Timestamp::MAX
    }
}

impl fmt::Display for GlobalWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GlobalWindow")
    }
}

/// How far `timestamp` lies behind the last of the times `offset + n * period`, which is less than `period`; `period` is
/// positive.
#[inline]
pub(crate) fn since_period_start(timestamp: Timestamp, offset: i64, period: i64) -> i64 {
    let timestamp = timestamp.as_millis();
    match timestamp.checked_sub(offset) {
        Some(shifted) => shifted.rem_euclid(period),
        None => (i128::from(timestamp) - i128::from(offset)).rem_euclid(i128::from(period)) as i64,
    }
}

/// The window that contains `timestamp` and begins `since_start` before it.
#[inline]
pub(crate) fn window_around(timestamp: Timestamp, since_start: i64, size: i64) -> TimeWindow {
    let millis = timestamp.as_millis();
    TimeWindow::new(
        Timestamp::from_millis(millis.saturating_sub(since_start)),
        Timestamp::from_millis(millis.saturating_add(size - since_start)),
    )
}
