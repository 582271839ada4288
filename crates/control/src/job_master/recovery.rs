//! What is known of a job that another JobMaster has run, maybe in another process.

use std::sync::Arc;

use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, HostId, SlotIndex, TaskManagerId,
    checkpoint::{CheckpointMetadata, RestorePoint},
};
use serde::{Deserialize, Serialize};

use super::ParallelismBounds;
use crate::protocol::{Fence, LocalJobReport};

/// Numbers that may have been used: the next JobMaster of the job begins with these. They are stored before any of them is
/// used, so that nothing that an earlier JobMaster has started is ever taken for what a later one has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The newest attempt of each region, in the order of [`pipelined_regions`](super::pipelined_regions). Only of that
    /// something may run that counts. Empty: nothing was ever begun.
    pub attempts: Vec<AttemptNumber>,
    /// All task hosts have had smaller numbers.
    pub next_host: HostId,
    /// All checkpoints and savepoints have had smaller numbers.
    pub next_checkpoint: CheckpointId,
    /// Whether there may be savepoints in the directory of the job's checkpoints, so that it must not be deleted as a whole.
    #[serde(default)]
    pub has_savepoints_within: bool,
    /// How many subtasks each vertex has, to which the attempts belong. Empty: as submitted.
    #[serde(default)]
    pub parallelism: Vec<u32>,
    /// How many users want. Empty: as submitted.
    #[serde(default)]
    pub requirements: Vec<ParallelismBounds>,
    /// Task hosts with smaller numbers run the job with another parallelism: nothing can be deployed there.
    #[serde(default)]
    pub first_host: HostId,
}

impl Default for RunRecord {
    fn default() -> Self {
        Self {
            attempts: Vec::new(),
            next_host: HostId(0),
            next_checkpoint: CheckpointId(1),
            has_savepoints_within: false,
            parallelism: Vec::new(),
            requirements: Vec::new(),
            first_host: HostId(0),
        }
    }
}

/// What a job recovers from, in a form that outlives the JobManager. Stored before anybody is told that the newest one of
/// them is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointPointer {
    /// What the job recovers from. `None`: from what it was submitted with.
    pub latest: Option<LatestCheckpoint>,
    /// The checkpoints that the job keeps, the oldest first.
    pub retained: Vec<RetainedCheckpoint>,
}

/// What a job recovers from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestCheckpoint {
    /// Its number.
    pub id: CheckpointId,
    /// URI of its `_metadata`.
    pub metadata: String,
    /// Set for the savepoint with which the job ends: its subtasks finish.
    pub stops: bool,
}

/// A checkpoint that a job keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetainedCheckpoint {
    /// Its number.
    pub id: CheckpointId,
    /// URI of the directory that its `_metadata` is in.
    pub directory: String,
    /// Whether no other checkpoint can refer to anything in the directory.
    pub is_exclusive: bool,
}

/// What a JobMaster needs to go on with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredJob {
    /// The numbers that may have been used.
    pub run: RunRecord,
    /// What the job recovers from, with what is in it, if it has completed a checkpoint of its own.
    pub latest: Option<RecoveredCheckpoint>,
    /// The checkpoints that the job keeps, each with what is in it, the oldest first. Those that could not be read are left
    /// out: then their files stay.
    pub retained: Vec<(RetainedCheckpoint, Arc<CheckpointMetadata>)>,
    /// Whether a user has canceled it.
    pub is_canceled: bool,
}

/// The checkpoint that a job recovers from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredCheckpoint {
    /// Where it is.
    pub point: RestorePoint,
    /// What is in it.
    pub metadata: Arc<CheckpointMetadata>,
    /// See [`LatestCheckpoint::stops`].
    pub stops: bool,
}

/// A TaskManager that has slots of the job, from an earlier JobMaster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedTaskManager {
    /// Which.
    pub task_manager_id: TaskManagerId,
    /// What orders to it carry.
    pub fence: Fence,
    /// `host:port` of its gRPC server.
    pub rpc_address: String,
    /// The job's slots there.
    pub slots: Vec<(SlotIndex, AllocationId)>,
    /// What is in them.
    pub report: LocalJobReport,
}
