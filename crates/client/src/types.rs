//! The bodies, in Flink's shapes. Times are Unix milliseconds, durations milliseconds, sizes bytes; -1 is "not yet".

pub(crate) mod checkpoints;
pub(crate) mod cluster;
pub(crate) mod jars;
pub(crate) mod jobs;
pub(crate) mod operations;
pub(crate) mod plan;
pub(crate) mod rescales;
pub(crate) mod snapshots;
