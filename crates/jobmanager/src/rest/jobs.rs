//! Everything below `/jobs`, but for vertices.

pub(crate) mod accumulators;
pub(crate) mod cancel;
pub(crate) mod checkpoints;
pub(crate) mod config;
pub(crate) mod coordinators;
pub(crate) mod detail;
pub(crate) mod exceptions;
pub(crate) mod heartbeat;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod requirements;
pub(crate) mod rescales;
pub(crate) mod rescaling;
pub(crate) mod result;
pub(crate) mod savepoints;
pub(crate) mod submit;
