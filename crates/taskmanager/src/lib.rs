//! The TaskManager: offers slots of its machine to a JobManager and runs one task-host process for each job that holds
//! some of them.
//!
//! What to do is decided by the pure machine [`flott_control::TaskManager`]; this crate is its shell. One task owns the
//! machine ([`TaskManager::start`]), and all that takes time happens beside it and comes back as an event. User code runs
//! in task hosts only: what it does there costs its job that process, never the TaskManager.

mod artifact_cache;
mod clock;
mod config;
mod error;
mod hardware;
mod leader;
mod logs;
mod metrics;
mod process_metrics;
mod profiles;
mod registration;
mod rpc_service;
mod supervisor;
mod task_host_service;
mod task_manager;
mod uplink;
mod work_dir;

pub use artifact_cache::{ArtifactCache, CachedArtifact, FetchError, MAX_CACHE_BYTES};
pub use config::{StorageSettings, TaskManagerConfig};
pub use error::Error;
pub use supervisor::{
    LaunchRequest, LaunchedTaskHost, OutputWriter, ProcessLauncher, TaskHostLauncher, exit_cause,
};
pub use task_manager::{Ended, RunningTaskManager, TaskManager};
pub use uplink::LeaderChannel;
