//! The JobMaster: one for each job, from its submission to its end.
//!
//! Its decisions are made by [`flott_control::JobMaster`]; here is the loop around it.

mod actor;
mod effects;
mod handle;
mod snapshots;
mod splits;
mod view;

pub(crate) use actor::{JobMaster, JobMasterContext, JobSpec, Left};
pub(crate) use handle::{
    CallError, FromResourceManager, JobMasterHandle, JobMasterPeer, SplitCaller, TaskManagerReports,
};
pub(crate) use snapshots::{clean_up, mark};
