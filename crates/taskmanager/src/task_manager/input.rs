//! What the event loop is told.

use flott_control::{
    protocol::{OrderAnswer, SubtaskMetrics},
    task_manager::Event,
};
use flott_core::{AttemptNumber, JobId, RegistrationId, deployment::SplitAnswer, profile::TaskSampling};
use flott_rpc::{FencedOrder, SplitRequest, SplitsReport};
use tokio::sync::oneshot;

use crate::{metrics::HostReport, profiles::AskedHost, registration::Registered};

/// Something for the event loop.
#[derive(Debug)]
pub(crate) enum Input {
    /// Something for the machine.
    Event(Event),
    /// A JobManager has answered a request to register.
    RegistrationAnswered {
        /// The request's generation.
        generation: u64,
        /// The answer, and whose it is.
        registered: Registered,
    },
    /// The JobMaster has answered a subtask's request for a split.
    SplitAnswered {
        /// The request.
        request: SplitRequest,
        /// Of which job.
        job_id: JobId,
        /// The registration that it was asked with.
        registration_id: RegistrationId,
        /// The answer.
        answer: SplitAnswer,
        /// Where it goes if it counts; `None`: it is to be asked again. Dropped if nobody wants it.
        reply: oneshot::Sender<Option<SplitAnswer>>,
    },
    /// The JobMaster has acknowledged a report of splits.
    SplitsAcknowledged {
        /// What was reported.
        report: SplitsReport,
        /// Of which job.
        job_id: JobId,
        /// The registration that it was sent with.
        registration_id: RegistrationId,
        /// Told whether it is to be sent again. Dropped if nobody wants it.
        reply: oneshot::Sender<bool>,
    },
    /// The JobManager orders something and waits for the answer.
    Order {
        /// What, and by what right.
        order: FencedOrder,
        /// Where the answer goes.
        reply: oneshot::Sender<OrderAnswer>,
    },
    /// A task host's process runs.
    HostStarted {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// Its process; 0 if it has none of its own.
        pid: u32,
    },
    /// Somebody wants to see what subtasks do.
    SampleHosts {
        /// Of which job; `None` = of all.
        job_id: Option<JobId>,
        /// How to look.
        sampling: TaskSampling,
        /// Where it goes who will tell.
        reply: oneshot::Sender<Vec<AskedHost>>,
    },
    /// What a task host's subtasks have done.
    HostMetrics {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// Of all its subtasks.
        subtasks: Vec<SubtaskMetrics>,
    },
    /// Somebody wants to know the metrics of all task hosts.
    MetricsAsked {
        /// Where they go.
        reply: oneshot::Sender<Vec<HostReport>>,
    },
}
