//! What a JobMaster wants done.

use flott_core::{AllocationId, AttemptNumber, JobStatus, SubtaskId, TaskManagerId, deployment::SplitAnswer};

use super::state::Outcome;
use crate::protocol::{Fence, Order};

/// An effect of one job's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// To the ResourceManager: the job needs this many slots in total. 0 gives back all that it has.
    RequireSlots {
        /// How many.
        count: u32,
    },
    /// To the ResourceManager: a slot came too late; take it back.
    ReleaseSlot {
        /// Which.
        allocation_id: AllocationId,
    },
    /// To a TaskManager. A refusal comes back as `Event::OrderRefused`; an acceptance needs no event.
    SendOrder {
        /// To whom.
        to: TaskManagerId,
        /// By what right.
        fence: Fence,
        /// What to do.
        order: Order,
    },
    /// Answer all calls that wait with this request.
    AnswerSplit {
        /// The subtask that asked.
        subtask: SubtaskId,
        /// Its attempt.
        attempt: AttemptNumber,
        /// Its request.
        request_id: u64,
        /// The answer.
        answer: SplitAnswer,
    },
    /// Answer all calls that wait with this request with an error: the attempt is not the current one, runs no
    /// more, or has asked again since.
    RejectSplitRequest {
        /// The subtask that asked.
        subtask: SubtaskId,
        /// Its attempt.
        attempt: AttemptNumber,
        /// Its request.
        request_id: u64,
        /// Why.
        reason: String,
    },
    /// The job's status is another one now. For logs and listeners; the machine itself has it already.
    StatusChanged {
        /// The new status.
        status: JobStatus,
    },
    /// The job has ended and has given everything back. Nothing follows.
    Terminated {
        /// How.
        outcome: Outcome,
    },
    /// Something came that can't come: a bug of our own. Log it as an error.
    Violation {
        /// What came, and in which state.
        message: String,
    },
}
