//! What JobManager and TaskManagers tell each other, free of any wire format.

use std::{fmt, sync::Arc};

use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, ExecutionState, FailureCause, JobId, LeaderEpoch,
    RegistrationId, SlotIndex, SubtaskId, TaskManagerId,
    checkpoint::{Barrier, CheckpointStats, SubtaskSnapshot},
    deployment::{EnumeratedSplits, Placement, SplitAnswer, TaskDescriptor, TaskHostSpec},
    metrics::{OperatorMetrics, TaskMetrics},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// By whose right an order is given. Each message from the JobManager to a TaskManager carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The leader that gives the order.
    pub epoch: LeaderEpoch,
    /// The TaskManager's registration with that leader.
    pub registration_id: RegistrationId,
}

/// The shell's own number for a call that waits for its answer. The machines only hand it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What a TaskManager's machine has, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// Cores that the process may use.
    pub cpu_cores: u32,
    /// Memory of the machine or container, in bytes.
    pub physical_memory: u64,
    /// Memory that is free there, in bytes.
    pub free_memory: u64,
    /// Memory that Flott manages itself, in bytes.
    pub managed_memory: u64,
}

/// How a TaskManager describes itself. The machines use the number of slots and show the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskManagerInfo {
    /// `host:port` of its gRPC server.
    pub rpc_address: String,
    /// Host name under which its task hosts are reached.
    pub data_host: String,
    /// How many slots it has.
    pub slots: u32,
    /// Its machine.
    pub hardware: Hardware,
}

/// Who holds a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotHolder {
    /// The allocation.
    pub allocation_id: AllocationId,
    /// The job that it was made for.
    pub job_id: JobId,
}

/// The true state of all slots of a TaskManager at one point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Rises with each change, so that a report that was overtaken on its way can be told. Starts anew when the
    /// TaskManager does.
    pub version: u64,
    /// Who holds each slot, by slot index. `None`: it is free and nothing runs in it.
    pub slots: Vec<Option<SlotHolder>>,
}

/// A TaskManager's wish to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// Who it is.
    pub task_manager_id: TaskManagerId,
    /// Rises with each request of a TaskManager, also when its process is started again under the same id (the
    /// shell starts it at the wall clock's microseconds). Tells an overtaken or doubled request from a new one.
    pub generation: u64,
    /// What it has.
    pub info: TaskManagerInfo,
    /// Who holds its slots.
    pub slots: SlotReport,
    /// What it has of each job that holds slots there.
    pub jobs: Vec<LocalJobReport>,
}

/// What a TaskManager has of one job when it registers: all that a leader needs that has not deployed it but is to go on
/// with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalJobReport {
    /// The job.
    pub job_id: JobId,
    /// The newest start of its task host that was ordered here, and what has become of it. `None`: none was.
    pub host: Option<LocalHost>,
    /// The newest attempt of each subtask that was deployed here.
    pub tasks: Vec<LocalTask>,
    /// What sources have been told of their splits, and have told, since the last checkpoint that is complete here.
    pub splits: Vec<SplitLog>,
    /// The highest number of a checkpoint that orders or reports have named here.
    pub last_checkpoint: Option<CheckpointId>,
    /// Reports with smaller numbers say nothing that is not in here.
    pub next_sequence: u64,
}

/// A task host as its TaskManager knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalHost {
    /// Which start of it.
    pub attempt: AttemptNumber,
    /// What has become of it.
    pub state: LocalHostState,
}

/// What has become of a task host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalHostState {
    /// It is being started, or waits for the end of an earlier one.
    Starting,
    /// Subtasks can be deployed, or run.
    Ready {
        /// `host:port` of its data plane.
        data_address: String,
    },
    /// It was told to end, and may still run.
    Stopping,
    /// Its process is gone.
    Ended,
}

/// A subtask's attempt as its TaskManager knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTask {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// The slot that it runs or ran in.
    pub allocation_id: AllocationId,
    /// The checkpoint or savepoint that it began with, if any.
    pub restored: Option<CheckpointId>,
    /// The last state that it was told; `None`: it was deployed, and has told none yet.
    pub state: Option<TaskState>,
    /// Whether it has said that it can't end without a checkpoint.
    pub awaits_checkpoint: bool,
    /// Whether it was told to stop, or its task host was: it can't go on.
    pub is_canceling: bool,
    /// The savepoint, if any, with which it began to end as if its input had, so that it can't go on without that.
    pub drained: Option<CheckpointId>,
}

/// What a source's subtask has been told and has told of splits since the last checkpoint that its TaskManager knows to be
/// complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitLog {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// The answers that it has got, by the number of its request, in order.
    pub answers: Vec<(u64, SplitAnswer)>,
    /// What it has found as the enumerator, in order, whether its JobMaster has heard of it or not. Never an error.
    pub reports: Vec<EnumeratedSplits>,
    /// How far it was in each checkpoint that it has acknowledged since, and in the last complete one, in order.
    pub marks: Vec<SplitMark>,
    /// Whether there was more than is kept, so that what is older than this is missing.
    pub is_cut: bool,
}

/// How far a source's subtask was in its part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMark {
    /// Which checkpoint.
    pub checkpoint_id: CheckpointId,
    /// The last request whose answer is in it; 0 if none is.
    pub last_answered: u64,
    /// The last report of what it had found that is in it, if it was the enumerator.
    pub last_report: Option<u64>,
}

/// The answer to a [`RegistrationRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationAnswer {
    /// The TaskManager belongs to the cluster and sends heartbeats.
    Registered {
        /// What orders will carry from now on. The TaskManager's own messages carry it too.
        fence: Fence,
        /// How often to send a heartbeat, in milliseconds.
        heartbeat_interval_ms: u64,
    },
    /// It may not join.
    Refused {
        /// Why, for the log.
        reason: String,
    },
}

/// What the JobManager tells a TaskManager to do. All are idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "they are few, and gone as soon as they are obeyed")]
pub enum Order {
    /// Give a slot to a job.
    RequestSlot {
        /// Which slot.
        slot: SlotIndex,
        /// For whom.
        holder: SlotHolder,
    },
    /// Take a slot back. If this is the job's last slot here, its task host is stopped first. The order is answered
    /// at once; that the slot is free, the slot reports tell.
    FreeSlot {
        /// Whose slot.
        holder: SlotHolder,
    },
    /// Start the job's task host. It is reported as [`Report::HostReady`] or [`Report::HostEnded`].
    StartTaskHost {
        /// Which start of a task host of the job this is: its [`HostId`](flott_core::HostId). Rises with each start on a
        /// TaskManager too. One that still runs there from an earlier start is ended first.
        attempt: AttemptNumber,
        /// The slots that it may use. The TaskManager must hold all of them for the job.
        allocations: Vec<AllocationId>,
        /// What to start.
        spec: TaskHostSpec,
    },
    /// Run these subtasks in the job's task host that `placement` has for this TaskManager.
    DeployTasks {
        /// The job.
        job_id: JobId,
        /// Where all subtasks are that are deployed together.
        placement: Placement,
        /// The subtasks for this TaskManager.
        tasks: Vec<TaskDescriptor>,
    },
    /// Cancel these subtasks. Each is reported as terminal when nothing of it runs any more.
    CancelTasks {
        /// The job.
        job_id: JobId,
        /// Which attempts.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// Begin a checkpoint at these subtasks, from which its barriers travel on. Subtasks of attempts that run no more are
    /// skipped.
    TriggerCheckpoint {
        /// The job.
        job_id: JobId,
        /// What is wanted.
        barrier: Barrier,
        /// Where it begins.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// Tell all subtasks of the job here how a checkpoint has ended.
    NotifyCheckpoint {
        /// The job.
        job_id: JobId,
        /// How.
        notice: CheckpointNotice,
    },
    /// Kill the job's task host, since it does not obey. It is reported as ended.
    KillTaskHost {
        /// The job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
    },
    /// The job needs its task host no more: end it in good order.
    ReleaseTaskHost {
        /// The job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
    },
}

impl Order {
    /// What is ordered, in words for logs and messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RequestSlot { .. } => "request slot",
            Self::FreeSlot { .. } => "free slot",
            Self::StartTaskHost { .. } => "start task host",
            Self::DeployTasks { .. } => "deploy tasks",
            Self::CancelTasks { .. } => "cancel tasks",
            Self::TriggerCheckpoint { .. } => "trigger checkpoint",
            Self::NotifyCheckpoint { .. } => "notify checkpoint",
            Self::KillTaskHost { .. } => "kill task host",
            Self::ReleaseTaskHost { .. } => "release task host",
        }
    }
}

/// A TaskManager's answer to an [`Order`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderAnswer {
    /// Done, or begun, now or by an earlier copy of the order.
    Accepted {
        /// The slots after it. Only the ResourceManager's orders need it.
        slots: SlotReport,
    },
    /// It can't be done, now or later.
    Refused {
        /// Why.
        reason: Refusal,
        /// The slots as they are. Only the ResourceManager's orders need it.
        slots: SlotReport,
    },
    /// A newer leader is known: the caller is not the leader any more and must stop.
    StaleLeader {
        /// The highest epoch that the TaskManager has seen.
        highest: LeaderEpoch,
    },
    /// The TaskManager does not know this registration (yet, or any more): call again while it is valid.
    UnknownRegistration,
}

/// Why a TaskManager can't do what it was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no slot of this index.
    #[error("there is no such slot")]
    UnknownSlot,
    /// Another allocation holds the slot.
    #[error("the slot is occupied")]
    SlotOccupied,
    /// The allocation was freed before; the order was overtaken.
    #[error("the allocation was freed already")]
    AllocationFreed,
    /// The job holds no such slot here.
    #[error("the job does not hold the slot")]
    UnknownAllocation,
    /// The job has no running task host here. Why it ended is reported.
    #[error("the job has no running task host here")]
    NoTaskHost,
}

impl Refusal {
    const ALL: [Self; 5] = [
        Self::UnknownSlot,
        Self::SlotOccupied,
        Self::AllocationFreed,
        Self::UnknownAllocation,
        Self::NoTaskHost,
    ];

    /// The name on the wire, such as `SLOT_OCCUPIED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSlot => "UNKNOWN_SLOT",
            Self::SlotOccupied => "SLOT_OCCUPIED",
            Self::AllocationFreed => "ALLOCATION_FREED",
            Self::UnknownAllocation => "UNKNOWN_ALLOCATION",
            Self::NoTaskHost => "NO_TASK_HOST",
        }
    }

    /// The refusal of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == name)
    }
}

/// What a TaskManager tells a JobMaster about its job. Kept and sent again until it is acknowledged, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The task host runs, its graph is the submitted one, and it listens.
    HostReady {
        /// Which start of it.
        attempt: AttemptNumber,
        /// `host:port` of its data plane.
        data_address: String,
    },
    /// The task host's process has ended and is reaped: none of its subtasks runs any more.
    HostEnded {
        /// Which start of it.
        attempt: AttemptNumber,
        /// Why, with signal or exit code and the last lines of its stderr.
        cause: FailureCause,
    },
    /// A subtask has reached a state.
    Task(TaskReport),
    /// A subtask has done its part of a checkpoint, or can't.
    Checkpoint(CheckpointReport),
    /// A subtask has processed all its input and waits for a checkpoint, with which it commits and then ends.
    AwaitsCheckpoint {
        /// Which subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
    },
}

/// How a checkpoint has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckpointNotice {
    /// It is durable, and the job will never recover from an earlier one: what belongs to it and to those before it is to
    /// be committed. Not told of savepoints after which the job goes on.
    Completed(CheckpointId),
    /// It was given up: nothing need be done for it any more.
    Aborted(CheckpointId),
}

/// What one subtask tells of its part of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointReport {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// Which checkpoint.
    pub checkpoint_id: CheckpointId,
    /// How it went.
    pub outcome: CheckpointOutcome,
}

/// How a subtask's part of a checkpoint went.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckpointOutcome {
    /// All of it is durable.
    Acknowledged {
        /// Where it is.
        snapshot: Box<SubtaskSnapshot>,
        /// How it went.
        stats: CheckpointStats,
    },
    /// The checkpoint can't be completed. The subtask goes on.
    Declined(FailureCause),
}

/// State of one attempt of a subtask, as its task host tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskReport {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// The state that it has reached.
    pub state: TaskState,
    /// What it had done by then.
    pub metrics: TaskMetrics,
    /// What its operators had registered, and its values by then.
    pub operators: OperatorMetrics,
}

impl TaskReport {
    /// The report of an attempt that has done nothing.
    pub fn without_metrics(subtask: SubtaskId, attempt: AttemptNumber, state: TaskState) -> Self {
        Self {
            subtask,
            attempt,
            state,
            metrics: TaskMetrics::default(),
            operators: OperatorMetrics::default(),
        }
    }
}

/// What one attempt of a subtask has done so far.
#[derive(Clone, Debug, PartialEq)]
pub struct SubtaskMetrics {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// What it has done since its start.
    pub metrics: TaskMetrics,
    /// What its operators have registered.
    pub operators: OperatorMetrics,
}

/// How far a subtask of a source is that is aligned with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedWatermark {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// The sources that are aligned.
    pub group: Arc<str>,
    /// Its watermark; `None` if others need not wait for it, since it is idle or has none yet.
    pub watermark: Option<Timestamp>,
}

/// How far a group of aligned sources is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupWatermark {
    /// Which group.
    pub group: Arc<str>,
    /// The least watermark of its subtasks; `None` if none counts.
    pub watermark: Option<Timestamp>,
}

/// States that a task host reports of a subtask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Its operators are being opened.
    Initializing,
    /// It processes records.
    Running,
    /// It ended after all its input.
    Finished,
    /// It stopped on request.
    Canceled,
    /// It failed.
    Failed(FailureCause),
}

impl TaskState {
    /// The state that users see.
    pub const fn execution_state(&self) -> ExecutionState {
        match self {
            Self::Initializing => ExecutionState::Initializing,
            Self::Running => ExecutionState::Running,
            Self::Finished => ExecutionState::Finished,
            Self::Canceled => ExecutionState::Canceled,
            Self::Failed(_) => ExecutionState::Failed,
        }
    }

    /// Whether nothing of the attempt runs any more.
    pub const fn is_terminal(&self) -> bool {
        self.execution_state().is_terminal()
    }
}

/// What the JobManager answers to a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportAnswer {
    /// The JobMaster has it; do not send it again.
    Acknowledged,
    /// There is no such job (any more); drop all of its reports.
    UnknownJob,
    /// The job does not count on this registration of the TaskManager. If the TaskManager has a newer one, it sends
    /// the reports again with that. If it holds slots for the job it sends them again, since the job may not have heard of
    /// it yet; else they are of no use to anyone, and it drops them.
    UnknownRegistration,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "registration {} of leader {}", self.registration_id, self.epoch)
    }
}
