//! The Dispatcher: takes in jobs, runs a JobMaster for each, and remembers those that have ended.

mod actor;
mod handle;
mod job_settings;
mod job_table;
mod submission;

pub(crate) use handle::DispatcherHandle;
pub(crate) use submission::{Submitter, SubmitterOptions};
