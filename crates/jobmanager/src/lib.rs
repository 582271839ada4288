//! The JobManager: Dispatcher, ResourceManager and one JobMaster a job, each a single-owner event loop around a pure
//! machine of `flott-control`, behind gRPC for TaskManagers and REST for everybody else.
//!
//! [`JobManager::start`] starts one; what can be asked of it goes through its [`ClusterHandle`].

pub mod artifacts;
mod claims;
mod clock;
mod dispatcher;
mod error;
pub mod ha;
pub mod handle;
pub mod history;
mod job_manager;
mod job_master;
mod job_store;
mod leader_scope;
mod outbox;
mod process;
pub mod profiles;
mod resource_manager;
pub mod rest;
mod rpc;
mod task_manager_client;
pub mod view;

#[cfg(test)]
mod test_support;

pub use error::{Error, ErrorKind, Rejection};
pub use ha::SharedMemory;
pub use handle::{
    ClusterHandle, ConfigEntry, LogFile, LogStream, OperationStatus, RunOptions, SavepointOptions,
};
pub use job_manager::{Ended, JobManager, JobManagerOptions, RunningJobManager};
