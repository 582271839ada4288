//! Which records find each other.

use flott_core::time::Timestamp;

use crate::windowing::TimeOffset;

/// How far from a left record's time its right partners may be. Sums saturate at the ends of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Milliseconds, included.
    lower: i64,
    /// Milliseconds, included.
    upper: i64,
}

/// Where an interval begins or ends, and whether that point belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The point, seen from the left record.
    pub at: TimeOffset,
    /// Whether it belongs to the interval.
    pub inclusive: bool,
}

impl Interval {
    /// Only the same time.
    pub const POINT: Self = Self { lower: 0, upper: 0 };

    /// From `lower` to `upper`; `None` if `lower` is the greater one.
    pub fn new(lower: Bound, upper: Bound) -> Option<Self> {
        // Times are whole milliseconds, so exclusive bounds are inclusive ones a millisecond further inside.
        (lower.at <= upper.at).then(|| Self {
            lower: lower.at.as_millis().saturating_add(i64::from(!lower.inclusive)),
            upper: upper.at.as_millis().saturating_sub(i64::from(!upper.inclusive)).max(-i64::MAX),
        })
    }

    /// First and last time of the right partners of a left record.
    #[inline]
    pub(super) fn of_left(&self, left: Timestamp) -> (Timestamp, Timestamp) {
        (shift(left, self.lower), shift(left, self.upper))
    }

    /// First and last time of the left partners of a right record.
    #[inline]
    pub(super) fn of_right(&self, right: Timestamp) -> (Timestamp, Timestamp) {
        (shift(right, -self.upper), shift(right, -self.lower))
    }

    /// The watermark that lets a left record go.
    #[inline]
    pub(super) fn left_cleanup(&self, left: Timestamp) -> Timestamp {
        shift(left, self.upper.max(0))
    }

    /// The watermark that lets a right record go.
    #[inline]
    pub(super) fn right_cleanup(&self, right: Timestamp) -> Timestamp {
        shift(right, (-self.lower).max(0))
    }

    /// The last left record that the watermark lets go.
    pub(super) fn left_up_to(&self, watermark: Timestamp) -> Timestamp {
        back(watermark, self.upper.max(0))
    }

    /// The last right record that the watermark lets go.
    pub(super) fn right_up_to(&self, watermark: Timestamp) -> Timestamp {
        back(watermark, (-self.lower).max(0))
    }
}

#[inline]
fn shift(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(millis))
}

fn back(watermark: Timestamp, millis: i64) -> Timestamp {
    // At the end of the input everything goes.
    if watermark == Timestamp::MAX { watermark } else { shift(watermark, -millis) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bound(millis: i64, inclusive: bool) -> Bound {
        Bound { at: TimeOffset::from_millis(millis), inclusive }
    }

    fn near_the_edges() -> impl Strategy<Value = i64> {
        prop_oneof![-5i64..5, (i64::MIN + 1)..(i64::MIN + 5), (i64::MAX - 5)..=i64::MAX]
    }

    proptest! {
        #[test]
        fn both_sides_see_the_same_pairs_and_nobody_goes_too_early(
            (lower, upper) in (near_the_edges(), near_the_edges()),
            (lower_inclusive, upper_inclusive) in any::<(bool, bool)>(),
            (left, right) in (-9i64..9, -9i64..9),
            watermark in near_the_edges(),
        ) {
            let interval = Interval::new(bound(lower, lower_inclusive), bound(upper, upper_inclusive));
            prop_assert_eq!(interval.is_some(), lower <= upper);
            let Some(interval) = interval else { return Ok(()) };
            let distance = i128::from(right) - i128::from(left);
            let expected = if lower_inclusive { i128::from(lower) <= distance } else { i128::from(lower) < distance }
                && if upper_inclusive { distance <= i128::from(upper) } else { distance < i128::from(upper) };
            let [left, right, watermark] = [left, right, watermark].map(Timestamp::from_millis);
            let (from, to) = interval.of_left(left);
            prop_assert_eq!(from <= right && right <= to, expected);
            let (from, to) = interval.of_right(right);
            prop_assert_eq!(from <= left && left <= to, expected);
            prop_assert_eq!(interval.left_cleanup(left) <= watermark, left <= interval.left_up_to(watermark));
            prop_assert_eq!(interval.right_cleanup(right) <= watermark, right <= interval.right_up_to(watermark));
        }
    }
}
