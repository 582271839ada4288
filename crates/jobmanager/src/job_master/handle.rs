//! What others can tell a JobMaster.

use std::sync::Arc;

use flott_control::{
    job_master::{
        GrantedSlot, RescaleRefusal, ReturnedTaskManager, SnapshotRequest, SnapshotTaken, WantedRequirements,
    },
    protocol::{AlignedWatermark, GroupWatermark, Report, SubtaskMetrics},
};
use flott_core::{
    AttemptNumber, FailureCause, FailureKind, RegistrationId, SubtaskId, TaskManagerId,
    deployment::{EnumeratedSplits, SplitAnswer},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{task_manager_client::TaskManagerClient, view::JobView};

/// How many messages of TaskManagers and users may wait for a JobMaster. Senders beyond wait at the door.
pub(super) const INBOX_CAPACITY: usize = 256;
/// How many messages of the ResourceManager may wait before it has to keep them itself.
pub(super) const RESOURCE_CAPACITY: usize = 1024;

/// What the ResourceManager tells a JobMaster.
pub(crate) enum FromResourceManager {
    SlotGranted {
        slot: GrantedSlot,
        client: TaskManagerClient,
    },
    SlotsReported {
        total: u32,
        free: u32,
        task_managers: u32,
    },
    TaskManagerLost {
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
        cause: FailureCause,
    },
    TaskManagerReregistered {
        task_manager_id: TaskManagerId,
        client: TaskManagerClient,
    },
    /// It has slots of the job from an earlier leader.
    TaskManagerReturned {
        returned: ReturnedTaskManager,
        client: TaskManagerClient,
    },
    Metrics(Vec<SubtaskMetrics>),
}

/// The ResourceManager's way to a JobMaster.
#[derive(Debug)]
pub(crate) struct JobMasterPeer(pub(crate) mpsc::Sender<FromResourceManager>);

impl std::fmt::Debug for FromResourceManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SlotGranted { .. } => "SlotGranted",
            Self::SlotsReported { .. } => "SlotsReported",
            Self::TaskManagerLost { .. } => "TaskManagerLost",
            Self::TaskManagerReregistered { .. } => "TaskManagerReregistered",
            Self::TaskManagerReturned { .. } => "TaskManagerReturned",
            Self::Metrics(_) => "Metrics",
        })
    }
}

/// Why a TaskManager's call gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The job has ended.
    UnknownJob,
    /// The sender's registration is not, or not yet, one that holds slots of the job.
    UnknownRegistration,
    /// The machine's reason.
    Rejected(String),
}

/// Reports of one TaskManager in their order.
#[derive(Debug)]
pub(crate) struct TaskManagerReports {
    pub(crate) task_manager_id: TaskManagerId,
    pub(crate) registration_id: RegistrationId,
    /// With the sequence number of each.
    pub(crate) reports: Vec<(u64, Report)>,
}

/// A subtask that asks for a split, or tells its source's.
#[derive(Clone, Debug)]
pub(crate) struct SplitCaller {
    pub(crate) task_manager_id: TaskManagerId,
    pub(crate) registration_id: RegistrationId,
    pub(crate) subtask: SubtaskId,
    pub(crate) attempt: AttemptNumber,
}

type Reply<T> = oneshot::Sender<Result<T, CallError>>;

#[derive(Debug)]
pub(super) enum Message {
    Report {
        reports: TaskManagerReports,
        reply: Reply<()>,
    },
    RequestSplit {
        caller: SplitCaller,
        request_id: u64,
        reply: Reply<SplitAnswer>,
    },
    EnumeratedSplits {
        caller: SplitCaller,
        splits: EnumeratedSplits,
        reply: Reply<()>,
    },
    Align {
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
        watermarks: Vec<AlignedWatermark>,
        reply: Reply<Vec<GroupWatermark>>,
    },
    Cancel {
        reply: oneshot::Sender<()>,
    },
    Rescale {
        wanted: WantedRequirements,
        reply: RescaleReply,
    },
    Snapshot {
        request: SnapshotRequest,
        reply: SnapshotReply,
    },
}

/// Where the answer to a wish for a checkpoint or savepoint goes.
pub(super) type SnapshotReply = oneshot::Sender<Result<SnapshotTaken, FailureCause>>;

/// Where the answer to a wish for another parallelism goes.
pub(super) type RescaleReply = oneshot::Sender<Result<(), RescaleRefusal>>;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct JobMasterHandle {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) view: watch::Receiver<Arc<JobView>>,
    /// Where savepoints go for which the user names no place.
    pub(super) savepoint_dir: Option<Arc<str>>,
}

impl JobMasterHandle {
    /// The job as published last.
    pub(crate) fn view(&self) -> Arc<JobView> {
        self.view.borrow().clone()
    }

    /// Waits for the job's end and returns its last view; `None` if this process does not lead any more.
    pub(crate) async fn ended(&self) -> Option<Arc<JobView>> {
        let mut view = self.view.clone();
        // An error means that the publisher is gone, hence that the last view is there.
        let _ = view.wait_for(|view| view.status.is_terminal()).await;
        Some(self.view()).filter(|view| view.status.is_terminal())
    }

    /// Takes in reports; `Ok` acknowledges all of them.
    pub(crate) async fn report(&self, reports: TaskManagerReports) -> Result<(), CallError> {
        self.ask(|reply| Message::Report { reports, reply }).await
    }

    /// The next split for a subtask, which may be long in coming.
    pub(crate) async fn request_split(
        &self,
        caller: SplitCaller,
        request_id: u64,
    ) -> Result<SplitAnswer, CallError> {
        self.ask(|reply| Message::RequestSplit { caller, request_id, reply }).await
    }

    /// Splits that a source has found; `Ok` acknowledges them.
    pub(crate) async fn enumerated_splits(
        &self,
        caller: SplitCaller,
        splits: EnumeratedSplits,
    ) -> Result<(), CallError> {
        self.ask(|reply| Message::EnumeratedSplits { caller, splits, reply }).await
    }

    /// Takes in where aligned sources are, and tells where their groups are.
    pub(crate) async fn align(
        &self,
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
        watermarks: Vec<AlignedWatermark>,
    ) -> Result<Vec<GroupWatermark>, CallError> {
        self.ask(|reply| Message::Align { task_manager_id, registration_id, watermarks, reply }).await
    }

    /// Asks the job to stop. Returns when it is certain that it will, whoever leads then, or that it has ended; false if neither
    /// is, since this process does not lead any more.
    pub(crate) async fn cancel(&self) -> bool {
        let (reply, taken) = oneshot::channel();
        let is_sent = self.inbox.send(Message::Cancel { reply }).await.is_ok();
        (is_sent && taken.await.is_ok()) || self.view().status.is_terminal()
    }

    /// The directory of the job's savepoints for which none is given, if one is configured.
    pub(crate) fn savepoint_dir(&self) -> Option<&str> {
        self.savepoint_dir.as_deref()
    }

    /// Takes a checkpoint or savepoint, and returns when it is durable and, if the job is to end with it, the job has ended.
    /// Going away meanwhile does not take the wish back.
    ///
    /// # Errors
    /// Why none was taken.
    pub(crate) async fn snapshot(&self, request: SnapshotRequest) -> Result<SnapshotTaken, FailureCause> {
        let ended = || FailureCause::new(FailureKind::CheckpointFailed, "the job has ended");
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Snapshot { request, reply }).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Asks for other numbers of subtasks. Returns when it is durable that they are wanted; `None` if that is not known,
    /// since this process does not lead any more.
    pub(crate) async fn rescale(&self, wanted: WantedRequirements) -> Option<Result<(), RescaleRefusal>> {
        let (reply, answer) = oneshot::channel();
        let is_sent = self.inbox.send(Message::Rescale { wanted, reply }).await.is_ok();
        let answer = if is_sent { answer.await.ok() } else { None };
        let status = self.view().status;
        let ended =
            || status.is_terminal().then(|| Err(RescaleRefusal::NotNow(format!("the job is {status}"))));
        answer.or_else(ended)
    }

    async fn ask<T>(&self, message: impl FnOnce(Reply<T>) -> Message) -> Result<T, CallError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(message(reply)).await.map_err(|_| CallError::UnknownJob)?;
        answer.await.unwrap_or(Err(CallError::UnknownJob))
    }
}
