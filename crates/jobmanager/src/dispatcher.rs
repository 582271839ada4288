//! The Dispatcher: takes in jobs, runs a JobMaster for each, and remembers those that have ended.

mod actor;
mod checkpoint_dir;
mod disposal;
mod handle;
mod job_settings;
mod job_table;
mod recovery;
mod restore;
mod submission;

use actor::failed as failed_view;
pub(crate) use handle::DispatcherHandle;
pub(crate) use job_settings::storage_uri;
pub(crate) use recovery::recover;
pub(crate) use submission::{Submitter, SubmitterOptions};
