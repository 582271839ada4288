//! What others can ask of the ResourceManager.

use std::sync::Arc;

use flott_control::{
    protocol::{OrderAnswer, RegistrationAnswer, RegistrationRequest},
    resource_manager::ResourceManagerConfig,
};
use flott_core::{AllocationId, JobId, RegistrationId, TaskManagerId};
use flott_rpc::Heartbeat;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::DropGuard;

use super::{actor::ResourceManager, view::ResourceView};
use crate::{
    Error, LogFile, LogStream,
    clock::Clock,
    job_master::JobMasterPeer,
    outbox::Outbox,
    task_manager_client::TaskManagerClient,
    view::{ClusterOverview, LogFileView, TaskManagerView},
};

/// How many messages may wait for the ResourceManager. TaskManagers beyond wait at the door.
const INBOX_CAPACITY: usize = 1024;

/// Way back into a heartbeat stream. Dropped when the registration is over, which ends the stream.
#[derive(Debug)]
pub(crate) struct HeartbeatAnswers {
    /// For each heartbeat, whether its registration is a valid one.
    pub(crate) known: mpsc::Sender<bool>,
    /// Tells the stream's reader of the end.
    pub(crate) _over: DropGuard,
}

#[derive(Debug)]
pub(super) enum Message {
    Register {
        request: RegistrationRequest,
        reply: oneshot::Sender<RegistrationAnswer>,
    },
    Heartbeat {
        heartbeat: Heartbeat,
        answers: Option<HeartbeatAnswers>,
    },
    ConnectionLost {
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
    },
    OrderAnswered {
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
        allocation_id: AllocationId,
        answer: OrderAnswer,
    },
    JobStarted {
        job_id: JobId,
        job_master: JobMasterPeer,
    },
    JobRecovering {
        job_id: JobId,
    },
    RequireSlots {
        job_id: JobId,
        count: u32,
    },
    ReleaseSlot {
        job_id: JobId,
        allocation_id: AllocationId,
    },
    JobEnded {
        job_id: JobId,
    },
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct ResourceManagerHandle {
    inbox: mpsc::Sender<Message>,
    view: watch::Receiver<Arc<ResourceView>>,
}

impl ResourceManagerHandle {
    /// A handle and the actor that it speaks to, which does nothing until it is run.
    pub(crate) fn new(config: ResourceManagerConfig, clock: Clock) -> (Self, ResourceManager) {
        let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
        let (publisher, view) = watch::channel(Arc::default());
        let actor = ResourceManager::new(config, clock, inbox, sender.downgrade(), publisher);
        (Self { inbox: sender, view }, actor)
    }

    /// Lets a TaskManager join.
    pub(crate) async fn register(&self, request: RegistrationRequest) -> Result<RegistrationAnswer, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Register { request, reply }).await?;
        answer.await.map_err(|_| Error::ShuttingDown)
    }

    /// Hands on a heartbeat. The first of a stream brings the way for the answers to all of them.
    pub(crate) async fn heartbeat(
        &self,
        heartbeat: Heartbeat,
        answers: Option<HeartbeatAnswers>,
    ) -> Result<(), Error> {
        self.send(Message::Heartbeat { heartbeat, answers }).await
    }

    /// A heartbeat stream has ended.
    pub(crate) async fn connection_lost(
        &self,
        task_manager_id: TaskManagerId,
        registration_id: RegistrationId,
    ) -> Result<(), Error> {
        self.send(Message::ConnectionLost { task_manager_id, registration_id }).await
    }

    /// A job exists; slots for it go to `job_master`.
    pub(crate) async fn job_started(&self, job_id: JobId, job_master: JobMasterPeer) -> Result<(), Error> {
        self.send(Message::JobStarted { job_id, job_master }).await
    }

    /// The job may have slots from an earlier leader. To be said before TaskManagers are let in.
    pub(crate) async fn job_recovering(&self, job_id: JobId) -> Result<(), Error> {
        self.send(Message::JobRecovering { job_id }).await
    }

    /// The job is over; what it still holds is taken back.
    pub(crate) async fn job_ended(&self, job_id: JobId) -> Result<(), Error> {
        self.send(Message::JobEnded { job_id }).await
    }

    /// The way on which one JobMaster tells what it needs.
    pub(crate) fn slot_requests(&self, job_id: JobId) -> SlotRequests {
        SlotRequests { job_id, outbox: Outbox::new(self.inbox.clone()) }
    }

    async fn send(&self, message: Message) -> Result<(), Error> {
        self.inbox.send(message).await.map_err(|_| Error::ShuttingDown)
    }

    /// TaskManagers and slots; no jobs.
    pub(crate) fn overview(&self) -> ClusterOverview {
        self.view.borrow().overview.clone()
    }

    /// In the order of their names.
    pub(crate) fn task_managers(&self) -> Vec<Arc<TaskManagerView>> {
        self.view.borrow().task_managers.values().map(|known| known.view.clone()).collect()
    }

    /// One TaskManager, if it is registered.
    pub(crate) fn task_manager(&self, id: &TaskManagerId) -> Option<Arc<TaskManagerView>> {
        self.view.borrow().task_managers.get(id).map(|known| known.view.clone())
    }

    /// See [`ClusterHandle`](crate::ClusterHandle).
    pub(crate) async fn list_logs(&self, id: &TaskManagerId) -> Result<Vec<LogFileView>, Error> {
        self.client(id)?.list_logs().await
    }

    /// See [`ClusterHandle`](crate::ClusterHandle).
    pub(crate) async fn read_log(
        &self,
        id: &TaskManagerId,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<LogStream, Error> {
        self.client(id)?.read_log(file, offset, limit).await
    }

    /// The way to a TaskManager.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`].
    pub(crate) fn client(&self, id: &TaskManagerId) -> Result<TaskManagerClient, Error> {
        let view = self.view.borrow();
        let known = view.task_managers.get(id).ok_or_else(|| Error::TaskManagerNotFound(id.clone()))?;
        Ok(known.client.clone())
    }
}

/// What one JobMaster tells the ResourceManager, in order and without waiting.
#[derive(Debug)]
pub(crate) struct SlotRequests {
    job_id: JobId,
    outbox: Outbox<Message>,
}

impl SlotRequests {
    /// The job needs this many slots in total.
    pub(crate) fn require(&mut self, count: u32) {
        self.outbox.push(Message::RequireSlots { job_id: self.job_id, count });
    }

    /// The job does not want this slot.
    pub(crate) fn release(&mut self, allocation_id: AllocationId) {
        self.outbox.push(Message::ReleaseSlot { job_id: self.job_id, allocation_id });
    }

    /// Waits until what could not be sent at once is worth another try; forever if there is nothing.
    pub(crate) async fn retry(&mut self) {
        self.outbox.retry().await;
    }
}
