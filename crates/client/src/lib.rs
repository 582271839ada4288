//! Typed client of the REST API.
//!
//! ```no_run
//! # async fn example() -> Result<(), flott_client::Error> {
//! use flott_client::{Client, ClientOptions};
//!
//! let client = Client::new("localhost:8081", ClientOptions::default())?;
//! for job in client.jobs_overview().await? {
//!     println!("{} {} {}", job.jid, job.name, job.state);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The types have the fields of the bodies, as far as somebody here reads them; what a server sends beyond them is
//! ignored, so that client and server may be of different releases.

mod client;
mod endpoints;
mod error;
mod retry;
mod types;

pub use client::{Client, ClientOptions};
pub use error::{Error, ErrorKind};
pub use retry::{RetryAdvice, RetryPolicy};
pub use types::{
    checkpoints::{
        Checkpoint, CheckpointConfig, CheckpointCounts, CheckpointParts, CheckpointStatus, CheckpointSummary,
        Checkpoints, LatestCheckpoints, RestoredCheckpoint, Statistics, TaskCheckpoint,
    },
    cluster::{DashboardConfig, Features, Hardware, Overview, TaskManager},
    jars::{ClaimMode, Jar, JarEntry, RunRequest},
    jobs::{
        ApplicationStatus, ExceptionEntry, ExceptionHistory, ExecutionResult, FailureCause, IoMetrics,
        JobDetail, JobSummary, VertexDetail,
    },
    operations::OperationStatus,
    plan::{Plan, PlanInput, PlanNode},
    rescales::{
        ParallelismBounds, Rescale, RescaleOutcome, ResourceRequirements, VertexRequirements, VertexRescale,
    },
    snapshots::{CheckpointRequest, CheckpointType, SavepointRequest, StopRequest},
};
