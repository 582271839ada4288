//! What REST and dashboard see of the cluster: owned snapshots, never older than a fraction of a second, that nobody
//! has to wait for.

mod checkpoints;
mod job;
mod leadership;
mod report;
mod rescaling;
mod task_manager;

pub use checkpoints::CheckpointsView;
pub(crate) use job::state_index;
pub use job::{
    AttemptView, ExceptionView, JobView, StateTimes, StatusTimes, SubmissionView, SubtaskView, TaskLocation,
    VertexView,
};
pub use leadership::{LeadershipState, LeadershipView, OwnAddresses, ProblemView};
pub use rescaling::RescalingView;
pub use task_manager::{
    ClusterOverview, HardwareView, ProcessMetrics, SlotView, TaskHostView, TaskManagerView,
};

use flott_core::{JobGraph, sdk::EntryInfo};

pub use flott_core::metrics::TaskRates;

use crate::artifacts::ArtifactId;

/// An uploaded artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactView {
    /// `<uuid>_<name>`.
    pub id: ArtifactId,
    /// The file name that the client gave, reduced to harmless characters.
    pub name: String,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// When it was uploaded, in Unix milliseconds.
    pub uploaded_unix_ms: i64,
    /// Its entries, known once it has been planned.
    pub entries: Vec<EntryInfo>,
}

/// The job that an artifact stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanView {
    /// The job.
    pub graph: JobGraph,
    /// The entry that was planned, if the program has named ones.
    pub entry: Option<String>,
    /// All entries of the program.
    pub entries: Vec<EntryInfo>,
}

/// A log file of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFileView {
    /// Name without a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written last, in Unix milliseconds.
    pub modified_unix_ms: i64,
}
