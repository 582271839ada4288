//! Joins of two streams.

mod interval;

pub use self::interval::{IntervalJoin, IntervalJoined};
