//! Data and rules of Flott that every other crate may lean on: ids, the JobGraph, execution states, key
//! groups, failure causes and configuration. No I/O, no clock, no randomness, no async runtime.

pub mod checkpoint;
pub mod config;
pub mod deployment;
pub mod failure;
pub mod hash;
pub mod ids;
pub mod job_config;
pub mod job_graph;
pub mod key_group;
pub mod logs;
pub mod metrics;
pub mod output_tail;
pub mod profile;
pub mod restart;
#[cfg(feature = "sabotage")]
pub mod sabotage;
pub mod sdk;
pub mod state;
pub mod time;

pub use failure::{FailureCause, FailureKind};
pub use ids::{
    AllocationId, AttemptNumber, ChannelId, CheckpointId, EdgeIndex, HostId, JobId, LeaderEpoch, OperatorId,
    RegistrationId, SlotIndex, SubtaskId, SubtaskIndex, TaskManagerId, TriggerId, VertexId, VertexIndex,
};
pub use job_graph::{JobEdge, JobGraph, JobType, JobVertex, OperatorInfo, Partitioner, RecoverySettings};
pub use state::{ExecutionState, JobStatus};
pub use time::MonoTime;
