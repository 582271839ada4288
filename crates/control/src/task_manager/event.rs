//! What a TaskManager is told.

use flott_core::{
    AttemptNumber, FailureCause, JobId, RegistrationId, SubtaskId,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use crate::protocol::{CallId, CheckpointReport, Fence, Order, RegistrationAnswer, ReportAnswer, TaskReport};

/// An event of a TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The process is up and its server listens.
    Started,
    /// The JobManager has answered a request to register.
    RegistrationAnswered {
        /// The request's generation.
        generation: u64,
        /// The answer.
        answer: RegistrationAnswer,
    },
    /// A request to register came to nothing (no connection, no answer in time).
    RegistrationFailed {
        /// The request's generation.
        generation: u64,
    },
    /// The JobManager has answered a heartbeat.
    HeartbeatAnswered {
        /// The registration in the heartbeat.
        registration_id: RegistrationId,
        /// Whether the JobManager knows it; if not, the TaskManager registers again.
        known: bool,
    },
    /// The heartbeat stream of a registration broke.
    ConnectionLost {
        /// The registration.
        registration_id: RegistrationId,
    },
    /// The JobManager orders something.
    OrderReceived {
        /// To be answered with `AnswerOrder`.
        call: CallId,
        /// By what right.
        fence: Fence,
        /// What.
        order: Order,
    },
    /// A task host is up: it has introduced itself, its graph is the submitted one, and it listens.
    HostReady {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// `host:port` of its data plane.
        data_address: String,
    },
    /// A task host's process has ended and is reaped, or it could not be started at all.
    HostExited {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// Why, with signal or exit code and the last lines of its stderr.
        cause: FailureCause,
    },
    /// A task host tells the state of a subtask.
    HostReportedTask {
        /// Its job.
        job_id: JobId,
        /// Which start of the host.
        attempt: AttemptNumber,
        /// What it tells.
        report: TaskReport,
    },
    /// A task host tells how a subtask's part of a checkpoint went.
    HostReportedCheckpoint {
        /// Its job.
        job_id: JobId,
        /// Which start of the host.
        attempt: AttemptNumber,
        /// What it tells.
        report: CheckpointReport,
    },
    /// A task host tells that a subtask needs a checkpoint to end.
    HostAwaitsCheckpoint {
        /// Its job.
        job_id: JobId,
        /// Which start of the host.
        attempt: AttemptNumber,
        /// Which subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        task_attempt: AttemptNumber,
    },
    /// The JobMaster has answered a subtask's request for a split.
    SplitAnswered {
        /// The job.
        job_id: JobId,
        /// The registration that it was asked with.
        registration_id: RegistrationId,
        /// The subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
        /// Its request.
        request_id: u64,
        /// The answer.
        answer: SplitAnswer,
    },
    /// A task host tells what a subtask has found as the enumerator of its source. The shell sends it to the JobMaster until
    /// it is acknowledged.
    SplitsFound {
        /// The job.
        job_id: JobId,
        /// The subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
        /// What it tells.
        splits: EnumeratedSplits,
    },
    /// The JobMaster has acknowledged a report of splits.
    SplitsAcknowledged {
        /// The job.
        job_id: JobId,
        /// The registration that it was sent with.
        registration_id: RegistrationId,
        /// The subtask.
        subtask: SubtaskId,
        /// Which attempt of it.
        attempt: AttemptNumber,
        /// What was reported.
        splits: EnumeratedSplits,
    },
    /// The JobManager has answered reports.
    ReportsAnswered {
        /// The reports' job.
        job_id: JobId,
        /// Sequence number of the last of them.
        up_to: u64,
        /// The registration that they were sent with.
        registration_id: RegistrationId,
        /// The answer.
        answer: ReportAnswer,
    },
    /// The call with reports came to nothing (no connection, no answer in time).
    ReportsFailed {
        /// The reports' job.
        job_id: JobId,
        /// Sequence number of the last of them.
        up_to: u64,
        /// The registration that they were sent with.
        registration_id: RegistrationId,
    },
    /// The time of `next_wakeup` has come.
    TimerFired,
}
