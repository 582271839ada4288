//! What the event loop is told.

use flott_control::{
    protocol::{OrderAnswer, RegistrationAnswer, SubtaskMetrics},
    task_manager::Event,
};
use flott_core::{AttemptNumber, JobId};
use flott_rpc::FencedOrder;
use tokio::sync::oneshot;
use tonic::transport::Channel;

/// Something for the event loop.
#[derive(Debug)]
pub(crate) enum Input {
    /// Something for the machine.
    Event(Event),
    /// The JobManager has answered a request to register.
    RegistrationAnswered {
        /// The request's generation.
        generation: u64,
        /// The answer.
        answer: RegistrationAnswer,
        /// The connection over which it came.
        channel: Channel,
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
    /// What a task host's subtasks have done.
    HostMetrics {
        /// Its job.
        job_id: JobId,
        /// Which start of it.
        attempt: AttemptNumber,
        /// Of all its subtasks.
        subtasks: Vec<SubtaskMetrics>,
    },
}
