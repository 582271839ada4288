//! Messages for which the machines have no type of their own, because only shells deal in them.

use std::collections::BTreeMap;

use flott_control::protocol::{
    AlignedWatermark, CheckpointNotice, CheckpointReport, Fence, GroupWatermark, Order, Report, SlotReport,
    SubtaskMetrics, TaskReport,
};
use flott_core::{
    AttemptNumber, FailureCause, HostId, JobId, LeaderEpoch, SubtaskId, TaskManagerId,
    checkpoint::Barrier,
    deployment::{EnumeratedSplits, Placement, SplitAnswer, TaskDescriptor, TaskHostSpec},
    profile::{TaskSamples, TaskSampling},
};

/// Which TaskManager speaks, by which registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The TaskManager.
    pub task_manager_id: TaskManagerId,
    /// Its registration and the leader it believes in.
    pub fence: Fence,
}

/// An order with the right by which it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FencedOrder {
    /// By what right.
    pub fence: Fence,
    /// What to do.
    pub order: Order,
}

/// A heartbeat of a TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// Who lives.
    pub sender: Sender,
    /// Its slots.
    pub slots: SlotReport,
    /// What its task hosts do.
    pub task_hosts: Vec<TaskHostMetrics>,
    /// The daemon itself.
    pub process: ProcessMetrics,
}

/// What the operating system says of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMetrics {
    /// Bytes resident now.
    pub resident_bytes: u64,
    /// Most bytes ever resident.
    pub peak_resident_bytes: u64,
    /// CPU time used, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Number of threads.
    pub threads: u32,
}

/// What one task host does.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskHostMetrics {
    /// Its job.
    pub job_id: JobId,
    /// Its process; 0 if it runs inside the TaskManager's.
    pub pid: u32,
    /// Its process.
    pub process: ProcessMetrics,
    /// Its subtasks.
    pub subtasks: Vec<SubtaskMetrics>,
}

/// What a TaskManager tells a JobMaster.
#[derive(Clone, Debug, PartialEq)]
pub struct JobReports {
    /// Who reports.
    pub sender: Sender,
    /// About which job.
    pub job_id: JobId,
    /// What, each with its sequence number, in order; never empty.
    pub reports: Vec<(u64, Report)>,
}

/// A source's subtask wants a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitRequest {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// Rises with each request of the attempt; a retry has the same.
    pub request_id: u64,
}

/// Splits that a subtask has enumerated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitsReport {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// What it found.
    pub splits: EnumeratedSplits,
}

/// What the JobMaster hears of aligned sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignWatermarks {
    /// Who reports.
    pub sender: Sender,
    /// Whose sources.
    pub job_id: JobId,
    /// Where they are.
    pub watermarks: Vec<AlignedWatermark>,
}

/// What a task host tells its TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskHostMessage {
    /// Who it is; first of all.
    Hello(TaskHostHello),
    /// Its graph is built and is the submitted one, and its data plane listens.
    Listening {
        /// TCP port of the data plane.
        data_port: u16,
    },
    /// It can't run this job and ends after this.
    Refused(FailureCause),
    /// The state of a subtask.
    TaskState(TaskReport),
    /// A source's subtask wants a split.
    SplitRequest(SplitRequest),
    /// A source's splits.
    SplitsReport(SplitsReport),
    /// What its subtasks have done.
    Metrics(Vec<SubtaskMetrics>),
    /// Where its aligned sources are.
    Watermarks(Vec<AlignedWatermark>),
    /// A subtask has done its part of a checkpoint, or can't.
    Checkpoint(CheckpointReport),
    /// A subtask has processed all its input and waits for a checkpoint, with which it commits and then ends.
    AwaitsCheckpoint {
        /// Which subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
    },
    /// What its subtasks were seen doing.
    Samples {
        /// Of the command that asked for it.
        request_id: u64,
        /// What was seen.
        samples: TaskSamples,
    },
}

/// How a task host introduces itself.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskHostHello {
    /// Version of the task-host protocol that it speaks: `flott_core::sdk::PROTOCOL_VERSION`.
    pub protocol: u32,
    /// The token that it got from its TaskManager.
    pub token: String,
    /// Its process.
    pub pid: u32,
}

impl std::fmt::Debug for TaskHostHello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskHostHello")
            .field("protocol", &self.protocol)
            .field("token", &"***")
            .field("pid", &self.pid)
            .finish()
    }
}

/// What a TaskManager tells its task host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskHostCommand {
    /// Answer to the hello: what to set up.
    Setup(Box<TaskHostSetup>),
    /// Run subtasks.
    Deploy {
        /// Where all subtasks of the job are.
        placement: Placement,
        /// The subtasks to run.
        tasks: Vec<TaskDescriptor>,
        /// Which of the placement's task hosts this is.
        own_host: HostId,
    },
    /// Cancel attempts, and report each when nothing of it runs any more.
    Cancel {
        /// Which.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// The answer to a request for a split.
    SplitResponse {
        /// The request.
        request: SplitRequest,
        /// The answer.
        answer: SplitAnswer,
    },
    /// Where the groups are that its aligned sources belong to.
    Align {
        /// One a group.
        groups: Vec<GroupWatermark>,
    },
    /// Begin a checkpoint at these subtasks. Those that run no more are skipped.
    TriggerCheckpoint {
        /// What is wanted.
        barrier: Barrier,
        /// Where it begins.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// Tell all subtasks here how a checkpoint has ended.
    NotifyCheckpoint {
        /// How.
        notice: CheckpointNotice,
    },
    /// Look at what subtasks do, and report it.
    Sample {
        /// Comes back with the report.
        request_id: u64,
        /// How to look.
        sampling: TaskSampling,
    },
    /// All is done: end with exit code 0.
    Shutdown,
}

/// What a task host is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskHostSetup {
    /// The job's side of it.
    pub spec: TaskHostSpec,
    /// Address on which the data plane is to listen.
    pub bind_host: String,
    /// Port of the data plane; 0 = any.
    pub bind_port: u16,
    /// How to reach the storage of checkpoints: settings by their keys, such as `s3.access-key`. Secrets among them.
    pub storage_options: BTreeMap<String, String>,
}

impl std::fmt::Debug for TaskHostSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskHostSetup")
            .field("spec", &self.spec)
            .field("bind_host", &self.bind_host)
            .field("bind_port", &self.bind_port)
            .field("storage_options", &self.storage_options.keys())
            .finish()
    }
}

/// What a JobManager knows of who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderView {
    /// The JobManager that answers.
    pub instance_id: String,
    /// Who leads; `None` if nobody does, or it is not known who.
    pub leader: Option<LeaderInfo>,
}

/// The JobManager that leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderInfo {
    /// Which process; another one with each start.
    pub instance_id: String,
    /// `host:port` of its gRPC server.
    pub rpc_address: String,
    /// `host:port` of its REST server; empty if it has none.
    pub rest_address: String,
    /// Leadership number.
    pub epoch: LeaderEpoch,
}

/// A log file of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Name without a path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written, in milliseconds since 1970.
    pub modified_unix_ms: i64,
}

/// Which log file of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSelector {
    /// The daemon's log.
    Log,
    /// What the daemon and its task hosts wrote to stdout and stderr.
    Stdout,
    /// One of those listed.
    Name(String),
}

/// A wish to read a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLog {
    /// Which file.
    pub file: LogSelector,
    /// First byte to read.
    pub offset: u64,
    /// Most bytes to read; `None` = to the end.
    pub limit: Option<u64>,
}

/// A wish to see what subtasks do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleTasks {
    /// Of which job; `None` = of all.
    pub job_id: Option<JobId>,
    /// How to look.
    pub sampling: TaskSampling,
}
