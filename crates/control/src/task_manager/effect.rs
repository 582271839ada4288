//! What a TaskManager wants done.

use std::time::Duration;

use flott_core::{
    AttemptNumber, JobId, SubtaskId,
    checkpoint::Barrier,
    deployment::{Placement, SplitAnswer, TaskDescriptor, TaskHostSpec},
};

use crate::protocol::{
    CallId, CheckpointNotice, Fence, OrderAnswer, RegistrationRequest, Report, SlotReport,
};

/// What a TaskManager tells a task host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostCommand {
    /// Run these subtasks.
    Deploy {
        /// Where all subtasks are that are deployed together.
        placement: Placement,
        /// The subtasks to run.
        tasks: Vec<TaskDescriptor>,
    },
    /// Cancel these attempts, and report each when nothing of it runs any more.
    Cancel {
        /// Which.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// Begin a checkpoint at these attempts. Those that run no more, and those that have taken it already, are skipped.
    TriggerCheckpoint {
        /// What is wanted.
        barrier: Barrier,
        /// Where it begins.
        tasks: Vec<(SubtaskId, AttemptNumber)>,
    },
    /// Tell all subtasks how a checkpoint has ended.
    NotifyCheckpoint {
        /// How.
        notice: CheckpointNotice,
    },
}

/// An effect of a TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the JobManager to register, on a new connection. Comes back as `RegistrationAnswered` or
    /// `RegistrationFailed`. When it is `Registered`, open the heartbeat stream of that registration.
    Register {
        /// What to say.
        request: RegistrationRequest,
    },
    /// Send a heartbeat on the registration's stream.
    SendHeartbeat {
        /// The registration.
        fence: Fence,
        /// The slots as they are.
        slots: SlotReport,
    },
    /// Answer an order.
    AnswerOrder {
        /// Its call.
        call: CallId,
        /// The answer.
        answer: OrderAnswer,
    },
    /// Start a task host, fetching its artifact first. Comes back as `HostReady`, or as `HostExited` if that fails.
    SpawnTaskHost {
        /// Which start of it.
        attempt: AttemptNumber,
        /// What to start.
        spec: TaskHostSpec,
    },
    /// End a task host (also one that is still being started): ask it to, and kill it after the grace period. Comes
    /// back as `HostExited`. Repeated with a shorter grace, the shorter one counts.
    KillTaskHost {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// How long to wait before it is killed. Zero kills it at once.
        grace: Duration,
    },
    /// Tell a running task host something.
    SendToTaskHost {
        /// Its job.
        job_id: JobId,
        /// What to tell.
        command: HostCommand,
    },
    /// Hand on the answer to a subtask's request for a split. What was asked with a registration that is over is not handed
    /// on: it is to be asked again with the present one.
    AnswerSplit {
        /// The job.
        job_id: JobId,
        /// The subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
        /// Its request.
        request_id: u64,
        /// `None`: ask again.
        answer: Option<SplitAnswer>,
    },
    /// A report of splits need not be sent again, or must be, if it was taken in with a registration that is over.
    ConfirmSplits {
        /// The job.
        job_id: JobId,
        /// The subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
        /// Which report.
        report_id: u64,
        /// Whether it is to be sent again.
        again: bool,
    },
    /// Tell the job's JobMaster something. Of each job at most one such message is on its way at a time. Comes back
    /// as `ReportsAnswered` or `ReportsFailed`.
    SendReports {
        /// The job.
        job_id: JobId,
        /// The registration to send them with.
        fence: Fence,
        /// What to tell, each with its sequence number, in order; never empty.
        reports: Vec<(u64, Report)>,
    },
    /// Something came that can't come: a bug of our own. Log it as an error.
    Violation {
        /// What came, and in which state.
        message: String,
    },
}
