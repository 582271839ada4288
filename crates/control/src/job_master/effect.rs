//! What a JobMaster wants done.

use std::sync::Arc;

use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, JobStatus, SubtaskId, TaskManagerId,
    checkpoint::CheckpointMetadata, deployment::SplitAnswer,
};

use super::{CheckpointPointer, RescaleRefusal, RunRecord, SnapshotTaken, state::Outcome};
use crate::protocol::{CallId, Fence, Order};

/// An effect of one job's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "they are few, and gone as soon as they are performed")]
pub enum Effect {
    /// To the ResourceManager: the job needs this many slots in total. 0 gives back all that it has.
    RequireSlots {
        /// How many.
        count: u32,
    },
    /// To the ResourceManager: the job may have slots from an earlier JobMaster. TaskManagers that have some come as
    /// `TaskManagerReturned`.
    AwaitTaskManagers,
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
    /// Write `_metadata` into this directory (create-only), read it back and verify it. Comes back as `CheckpointStored`,
    /// always: the job waits for it before it recovers.
    StoreCheckpoint {
        /// Which checkpoint or savepoint.
        checkpoint_id: CheckpointId,
        /// URI of the directory.
        directory: String,
        /// What to write.
        metadata: Arc<CheckpointMetadata>,
    },
    /// Delete what no checkpoint needs any more. Nothing waits for it; failures are only logged. Performed after all
    /// `StoreCheckpoint` that came before it.
    DeleteFiles {
        /// URIs of files.
        files: Vec<String>,
        /// URIs of directories, to be deleted with all that is in them.
        directories: Vec<String>,
    },
    /// Make this durable in place of the last one. Comes back as `PointerStored`, once it is so for certain; it can't fail
    /// but by the end of this leadership.
    StorePointer {
        /// The newest checkpoint in it.
        checkpoint_id: CheckpointId,
        /// What to store.
        pointer: CheckpointPointer,
    },
    /// Make this durable in place of the last one. Comes back as `RunStored`, as for `StorePointer`.
    StoreRun {
        /// What to store.
        run: RunRecord,
    },
    /// Answer a `SnapshotRequested`.
    SnapshotDone {
        /// Its call.
        call: CallId,
        /// What was taken, or why nothing was.
        result: Result<SnapshotTaken, FailureCause>,
    },
    /// Answer a `RescaleRequested`.
    RescaleAnswered {
        /// Its call.
        call: CallId,
        /// It is durable, or why it is not to be.
        result: Result<(), RescaleRefusal>,
    },
    /// The job's status is another one now. For logs and listeners; the machine itself has it already.
    StatusChanged {
        /// The new status.
        status: JobStatus,
    },
    /// The job has ended. Make that durable, together with the end of all that was stored of it, and only then perform the
    /// effects that follow: they give back its slots, tell users, and delete files. No events are wanted any more.
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
