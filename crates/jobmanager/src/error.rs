//! What can go wrong when somebody asks the cluster for something.

use std::{io, path::PathBuf};

use flott_core::{JobId, TaskManagerId, TriggerId, job_graph::GraphError};

use crate::{artifacts::ArtifactId, ha::StoreError, profiles::Profiled};

/// Where the fault lies, which is what a caller outside has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The named thing does not exist.
    NotFound,
    /// The request is wrong and stays wrong if it is repeated.
    Rejected(Rejection),
    /// Repeating the request later may help.
    Unavailable,
    /// A fault of Flott or of the machine it runs on.
    Internal,
}

/// In which way a request is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// What was sent is not acceptable.
    Invalid,
    /// It contradicts the present state.
    Conflict,
    /// It is too large.
    TooLarge,
    /// The job's program fails or describes no job that can run, at least not with the snapshot that it is to begin with.
    Program,
}

/// Everything that the JobManager can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such job, or it ended so long ago that it is forgotten.
    #[error("Job {0} not found")]
    JobNotFound(JobId),
    /// No such artifact.
    #[error("artifact {0} does not exist: upload it first")]
    ArtifactNotFound(ArtifactId),
    /// No blob of this digest.
    #[error("no artifact has the digest {0}")]
    DigestNotFound(String),
    /// No such TaskManager.
    #[error("No TaskManager registered under {0}.")]
    TaskManagerNotFound(TaskManagerId),
    /// No such log file.
    #[error("there is no log file {0}")]
    LogNotFound(String),

    /// It leaves logging to the program that it is a part of.
    #[error("the {0} is a part of a program that logs for it, and that decides what is logged")]
    NoLogFilter(&'static str),
    /// What should say which events are logged does not.
    #[error("{0}")]
    BadLogFilter(String),
    /// Only one profile of a daemon is taken at a time.
    #[error("{0} is still under profiling: wait until that is done")]
    ProfileUnderway(Profiled),

    /// The upload's name can't be used.
    #[error("the artifact's file name is empty: send one")]
    NamelessArtifact,
    /// The upload is too large.
    #[error("the artifact is larger than the {limit} bytes that rest.server.max-content-length allows")]
    ArtifactTooLarge {
        /// Most bytes that are accepted.
        limit: u64,
    },
    /// The client went away or sent a broken body.
    #[error("the upload ended before the artifact was complete")]
    UploadBroken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file is not an artifact, or its program fails in plan mode.
    #[error(transparent)]
    Artifact(#[from] flott_artifact::Error),
    /// The planned graph can't be run.
    #[error("the job's dataflow can't be run: {0}")]
    Graph(#[from] GraphError),
    /// A setting of the submission is wrong.
    #[error("{0}")]
    Setting(String),
    /// A checkpoint or savepoint can't be read.
    #[error("cannot begin with {path}: {source}")]
    Snapshot {
        /// Where it is.
        path: String,
        /// Why not.
        source: flott_storage::Error,
    },
    /// A job can't begin with a checkpoint or savepoint.
    #[error("cannot begin with {path}: {}", .reasons.join("; "))]
    RestoreRefused {
        /// Where it is.
        path: String,
        /// All that is wrong, each with what to do.
        reasons: Vec<String>,
    },
    /// A checkpoint or savepoint is another job's.
    #[error(
        "{path} was claimed by job {claimant}: begin with it without claiming it, or, if that job has ended for good, delete \
         the file .flott-claimed there"
    )]
    SnapshotClaimed {
        /// Where it is.
        path: String,
        /// The job that has it.
        claimant: String,
    },
    /// A checkpoint can't be claimed while the job that has taken it runs.
    #[error(
        "{path} belongs to job {owner}, which still runs and deletes its checkpoints by itself: stop that job first, or begin \
         with the checkpoint without claiming it (no_claim)"
    )]
    SnapshotInUse {
        /// Where it is.
        path: String,
        /// The job that runs.
        owner: JobId,
    },
    /// The directory for a job's checkpoints can't be used.
    #[error("cannot use {directory} (execution.checkpointing.dir) for the job's checkpoints: {source}")]
    CheckpointDirectory {
        /// Which one.
        directory: String,
        /// Why not.
        source: flott_storage::Error,
    },
    /// What a job is to go on with can't be read.
    #[error("cannot read {path}, from which the job is to go on: {source}")]
    CheckpointUnreadable {
        /// Where it is.
        path: String,
        /// Why not.
        source: flott_storage::Error,
    },
    /// There is no place for a savepoint.
    #[error(
        "no directory is given for the savepoint: name one, or set execution.checkpointing.savepoint-dir"
    )]
    NoSavepointDirectory,
    /// A trigger id stands for something else.
    #[error("the trigger id {0} was used for another request: choose another one")]
    TriggerIdInUse(TriggerId),
    /// A job of this id is there already and is another one.
    #[error("job {0} exists already and was submitted differently: choose another id")]
    JobExists(JobId),

    /// What is wanted of a job's parallelism can't be had of its graph.
    #[error("{}", .0.join("\n"))]
    Requirements(Vec<String>),
    /// A job's parallelism can't be changed.
    #[error("job {job_id} can't be rescaled: {reason}")]
    NotRescalable {
        /// The job.
        job_id: JobId,
        /// Why not, and what to do.
        reason: String,
    },
    /// A job's parallelism can't be changed now.
    #[error("job {job_id} can't be rescaled now: {reason}")]
    NotNow {
        /// The job.
        job_id: JobId,
        /// Why not.
        reason: String,
    },

    /// Nobody leads, or another JobManager does, or it is not known whether this one still does.
    #[error("Service temporarily unavailable due to an ongoing leader election. Please refresh.")]
    NoLeader,
    /// There can't be an election.
    #[error("high availability: {0}")]
    HighAvailability(#[from] flott_ha::Error),
    /// This JobManager stopped to lead while it made a job durable.
    #[error(
        "this JobManager stopped to lead while it stored job {0}: look for the job by its id, or submit it with this id again"
    )]
    SubmissionUnknown(JobId),
    /// The store for the next leader does not take something.
    #[error("cannot store it for high availability: {problem}")]
    NotStored {
        /// Why not.
        problem: String,
        /// Whether trying again may help.
        is_transient: bool,
    },

    /// The JobManager is about to end.
    #[error("the JobManager is shutting down")]
    ShuttingDown,
    /// Too many requests wait for a component.
    #[error("the {0} is overloaded: try again later")]
    Overloaded(&'static str),
    /// A TaskManager did not answer.
    #[error("TaskManager {task_manager_id} does not answer: {status}")]
    TaskManagerUnreachable {
        /// Which one.
        task_manager_id: TaskManagerId,
        /// What the call ended with.
        status: String,
    },

    /// A file could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A port can't be opened.
    #[error("cannot listen on {address} ({key}): {reason}{}", port_hint(.reason, .key))]
    Bind {
        /// `host:port`.
        address: String,
        /// The configuration key of the port.
        key: &'static str,
        /// Why it failed.
        reason: io::Error,
    },
}

impl Error {
    /// What could not be stored for the next leader.
    pub(crate) fn not_stored(error: &StoreError) -> Self {
        match error.is_lost() {
            true => Self::NoLeader,
            false => Self::NotStored { problem: error.to_string(), is_transient: !error.is_refused() },
        }
    }

    /// Where the fault lies.
    pub fn kind(&self) -> ErrorKind {
        use Rejection as R;
        match self {
            Self::JobNotFound(_)
            | Self::ArtifactNotFound(_)
            | Self::DigestNotFound(_)
            | Self::TaskManagerNotFound(_)
            | Self::LogNotFound(_)
            | Self::NoLogFilter(_) => ErrorKind::NotFound,
            Self::BadLogFilter(_) | Self::NamelessArtifact | Self::UploadBroken(_) | Self::Setting(_) => {
                ErrorKind::Rejected(R::Invalid)
            }
            Self::NoSavepointDirectory | Self::Requirements(_) | Self::NotRescalable { .. } => {
                ErrorKind::Rejected(R::Invalid)
            }
            Self::Snapshot { source, .. } | Self::CheckpointDirectory { source, .. }
                if source.is_transient() =>
            {
                ErrorKind::Unavailable
            }
            Self::Snapshot { .. }
            | Self::CheckpointUnreadable { .. }
            | Self::RestoreRefused { .. }
            | Self::CheckpointDirectory { .. } => ErrorKind::Rejected(R::Program),
            Self::ArtifactTooLarge { .. } => ErrorKind::Rejected(R::TooLarge),
            Self::Graph(_) => ErrorKind::Rejected(R::Program),
            Self::JobExists(_)
            | Self::SnapshotClaimed { .. }
            | Self::SnapshotInUse { .. }
            | Self::ProfileUnderway(_)
            | Self::NotNow { .. }
            | Self::TriggerIdInUse(_) => ErrorKind::Rejected(R::Conflict),
            Self::Artifact(error) => match error.kind() {
                flott_artifact::ErrorKind::User if error.is_plan_failure() => ErrorKind::Rejected(R::Program),
                flott_artifact::ErrorKind::User => ErrorKind::Rejected(R::Invalid),
                _ => ErrorKind::Internal,
            },
            Self::NotStored { is_transient: true, .. } => ErrorKind::Unavailable,
            Self::NotStored { is_transient: false, .. } => ErrorKind::Rejected(R::TooLarge),
            Self::NoLeader | Self::SubmissionUnknown(_) => ErrorKind::Unavailable,
            Self::ShuttingDown | Self::Overloaded(_) | Self::TaskManagerUnreachable { .. } => {
                ErrorKind::Unavailable
            }
            Self::File { .. } | Self::Bind { .. } | Self::HighAvailability(_) => ErrorKind::Internal,
        }
    }
}

fn port_hint(error: &io::Error, key: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("; stop the program that uses the port, or set {key} to another"),
        _ => String::new(),
    }
}
