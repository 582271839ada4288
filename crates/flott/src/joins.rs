//! Joins of two streams.

mod interval;
mod tagged;
#[cfg(test)]
mod tests;
mod window;

pub use self::{
    interval::{IntervalJoin, IntervalJoined},
    window::{Groups, JoinedByKey, JoinedStreams, JoinedWhere, JoinedWindows, Pairs},
};
