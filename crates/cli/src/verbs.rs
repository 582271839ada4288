//! The verbs, one a file.

pub(crate) mod cancel;
pub(crate) mod config;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod run;
pub(crate) mod wait_ready;
