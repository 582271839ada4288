//! The verbs, one a file.

pub(crate) mod cancel;
pub(crate) mod checkpoint;
pub(crate) mod config;
mod contact;
pub(crate) mod info;
mod interrupt;
mod job_id;
pub(crate) mod list;
pub(crate) mod new;
mod operation;
mod program;
pub(crate) mod rescale;
pub(crate) mod run;
pub(crate) mod savepoint;
pub(crate) mod stop;
pub(crate) mod wait_ready;
