//! Everything below `/jobmanager`.

pub(crate) mod config;
pub(crate) mod environment;
pub(crate) mod log_url;
pub(crate) mod logs;
pub(crate) mod metrics;
