//! What a JobMaster tells TaskManagers and their task hosts to run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    AllocationId, AttemptNumber, FailureCause, HostId, JobGraph, JobId, SubtaskId, SubtaskIndex,
    TaskManagerId, VertexIndex, checkpoint::RestorePoint, job_config::JobConfig,
};

/// The process of a job on one TaskManager.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskHostSpec {
    /// The job.
    pub job_id: JobId,
    /// Name of the job, for process titles and logs.
    pub job_name: String,
    /// SHA-256 of the artifact, as 64 hexadecimal digits; empty if the program is the TaskManager's own (local mode).
    pub artifact: String,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// Entry to run, if the submitter gave one.
    pub entry: Option<String>,
    /// Settings from which the program builds its graph.
    pub config: JobConfig,
    /// The submitted graph, which the task host's own must equal.
    pub graph: Arc<JobGraph>,
    /// Secret of the job with which its task hosts recognize each other.
    pub secret: [u8; 32],
    /// How many slots the job holds on this TaskManager: the number of worker threads.
    pub slots: u32,
    /// URI of the directory for all checkpoints of this job: `<checkpoints.dir>/<job-id>`.
    pub checkpoint_dir: String,
}

impl std::fmt::Debug for TaskHostSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskHostSpec")
            .field("job_id", &self.job_id)
            .field("artifact", &self.artifact)
            .field("arguments", &self.arguments)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// Where the subtasks that are deployed together run, and where their task hosts listen. Regions of a job are deployed at
/// different times and task hosts come and go, so each deployment has a placement of its own, which tells no more than
/// what its channels need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The task hosts, at most one a TaskManager, in the order of their numbers.
    pub hosts: Vec<TaskHostAddress>,
    /// For each vertex, for each of its subtasks, which of `hosts` runs it; `None` or missing if it is not one of those
    /// that are deployed.
    pub vertices: Vec<Vec<Option<HostId>>>,
}

impl Placement {
    /// The task host that runs a subtask, if it is placed.
    pub fn host_of(&self, vertex: VertexIndex, subtask: SubtaskIndex) -> Option<HostId> {
        *self.vertices.get(vertex.0 as usize)?.get(subtask.0 as usize)?
    }

    /// The task host of this number.
    pub fn address_of(&self, host: HostId) -> Option<&TaskHostAddress> {
        self.hosts.iter().find(|address| address.host == host)
    }

    /// The task host on this TaskManager.
    pub fn host_on(&self, task_manager_id: &TaskManagerId) -> Option<HostId> {
        let here = self.hosts.iter().find(|address| address.task_manager_id == *task_manager_id);
        here.map(|address| address.host)
    }
}

/// Address of one task host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHostAddress {
    /// Which start of a task host of the job this is.
    pub host: HostId,
    /// The TaskManager that supervises it.
    pub task_manager_id: TaskManagerId,
    /// `host:port` of its data plane.
    pub data_address: String,
}

/// One subtask to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDescriptor {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which execution of it.
    pub attempt: AttemptNumber,
    /// The slot in which it runs.
    pub allocation_id: AllocationId,
    /// What it is to begin with; `None`: with nothing.
    pub restore: Option<RestorePoint>,
}

/// What a JobMaster answers to a request for a source split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SplitAnswer {
    /// The asking subtask is to enumerate the splits of its source and report them, perhaps bit by bit while it asks
    /// again and reads.
    Enumerate {
        /// What an earlier enumerator has left in a checkpoint, from which this one is to go on.
        resume: Option<Vec<u8>>,
    },
    /// Read this split; the bytes are the source's own.
    Split(Vec<u8>),
    /// There are none left and there will be no others.
    NoMoreSplits,
}

/// A report of the subtask that enumerates the splits of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumeratedSplits {
    /// 1 for an attempt's first report, then one more with each; a repeated report has the same.
    pub report_id: u64,
    /// Splits that were not reported before, or why they can't be told.
    pub result: Result<Vec<Vec<u8>>, FailureCause>,
    /// Whether there will be no others.
    pub complete: bool,
}
