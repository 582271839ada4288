//! Everything below `/taskmanagers`.

pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod metrics;
mod network;
