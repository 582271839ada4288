//! What a JobMaster is told.

use std::time::Duration;

use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, RegistrationId, SlotIndex, SubtaskId,
    TaskManagerId, deployment::EnumeratedSplits,
};

use super::{ReturnedTaskManager, RunRecord, SnapshotRequest, StoredMetadata, WantedRequirements};
use crate::protocol::{AlignedWatermark, CallId, Fence, Refusal, Report, SubtaskMetrics};

/// A slot that the ResourceManager gives to the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedSlot {
    /// This allocation of the slot.
    pub allocation_id: AllocationId,
    /// The TaskManager that has the slot.
    pub task_manager_id: TaskManagerId,
    /// Which of its slots.
    pub slot: SlotIndex,
    /// What orders to this TaskManager carry.
    pub fence: Fence,
    /// `host:port` of the TaskManager's gRPC server.
    pub rpc_address: String,
}

/// An event of one job.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The JobMaster runs and may begin.
    Started,
    /// A user wants the job canceled. Repeating it changes nothing.
    CancelRequested,
    /// From the ResourceManager: the job has this slot.
    SlotGranted(GrantedSlot),
    /// From the ResourceManager, while slots are missing: what there is.
    SlotsReported {
        /// Slots of all TaskManagers.
        total: u32,
        /// How many of them are free.
        free: u32,
        /// Registered TaskManagers.
        task_managers: u32,
    },
    /// From the ResourceManager: a registration is over. All slots on it are gone.
    TaskManagerLost {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// Which of its registrations.
        registration_id: RegistrationId,
        /// Why, naming the TaskManager.
        cause: FailureCause,
    },
    /// From the ResourceManager: a TaskManager has registered again and still holds all slots of this job.
    TaskManagerReregistered {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// What orders to it carry from now on.
        fence: Fence,
    },
    /// From the ResourceManager: a TaskManager has registered that has slots of this job which this JobMaster does not know.
    /// What it does not want of them it releases.
    TaskManagerReturned(ReturnedTaskManager),
    /// A TaskManager refused an order of this job.
    OrderRefused {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// The registration that the order was for.
        registration_id: RegistrationId,
        /// What it refused: [`Order::name`](crate::protocol::Order::name).
        order: &'static str,
        /// Why.
        reason: Refusal,
    },
    /// A TaskManager tells about the job's task host or its subtasks there. The machine skips it unless
    /// [`admits`](super::JobMaster::admits) its sender; the answer to the sender follows that too. Reports that come in
    /// one message are handed in one by one, in order.
    Reported {
        /// Which TaskManager.
        task_manager_id: TaskManagerId,
        /// Its registration.
        registration_id: RegistrationId,
        /// Rises with each report of this TaskManager process; a doubled report has the same.
        sequence: u64,
        /// What it tells.
        report: Report,
    },
    /// The latest metrics of subtasks. Unknown attempts are skipped.
    MetricsReported {
        /// One an attempt.
        tasks: Vec<SubtaskMetrics>,
    },
    /// Where aligned sources are. Unknown attempts are skipped. Where their groups are then, tells
    /// [`group_watermark`](super::JobMaster::group_watermark).
    WatermarksReported {
        /// One a subtask and group.
        watermarks: Vec<AlignedWatermark>,
    },
    /// A source wants a split. Answered with `AnswerSplit` (perhaps later) or `RejectSplitRequest`.
    SplitRequested {
        /// The asking subtask.
        subtask: SubtaskId,
        /// Its attempt.
        attempt: AttemptNumber,
        /// Rises with each request of the attempt; a retry has the same.
        request_id: u64,
    },
    /// The subtask that was told to enumerate has found splits. Doubled reports do nothing; one comes when the one
    /// before it has been acknowledged.
    SplitsEnumerated {
        /// The subtask.
        subtask: SubtaskId,
        /// Its attempt.
        attempt: AttemptNumber,
        /// What it has found.
        splits: EnumeratedSplits,
    },
    /// A user wants a checkpoint or a savepoint. Answered with `SnapshotDone`, perhaps much later.
    SnapshotRequested {
        /// To be answered.
        call: CallId,
        /// What is wanted.
        request: SnapshotRequest,
    },
    /// A user wants other numbers of subtasks. Answered with `RescaleAnswered` when that is durable; it is done after that.
    RescaleRequested {
        /// To be answered.
        call: CallId,
        /// What is wanted.
        wanted: WantedRequirements,
    },
    /// What became of an [`Effect::StoreCheckpoint`](super::Effect::StoreCheckpoint).
    CheckpointStored {
        /// Which checkpoint.
        checkpoint_id: CheckpointId,
        /// Where its metadata is and that it can be read, or why not.
        result: Result<StoredMetadata, FailureCause>,
    },
    /// A [`CheckpointPointer`](super::CheckpointPointer) is durable.
    PointerStored {
        /// The newest checkpoint in it.
        checkpoint_id: CheckpointId,
    },
    /// A [`RunRecord`] is durable.
    RunStored {
        /// Which.
        run: RunRecord,
    },
    /// For a while no event was handed in, since it was not known whether this JobMaster's process still leads. Those that
    /// came meanwhile follow, the one included that this may have interrupted.
    Resumed {
        /// For how long, or longer.
        after: Duration,
    },
    /// The time of `next_wakeup` has come.
    TimerFired,
}
