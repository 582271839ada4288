//! What others can ask of the Dispatcher.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use flott_core::{JobId, MonoTime};
use tokio::sync::{mpsc, oneshot, watch};

use super::{actor::Dispatcher, job_table::JobTable};
use crate::{
    Error,
    job_master::{JobMasterContext, JobMasterHandle, JobSpec},
    view::{JobView, SubmissionView},
};

/// How many submissions may wait. More can't be in planning at the same time.
const INBOX_CAPACITY: usize = 64;

pub(super) type Reply = oneshot::Sender<Result<JobId, Error>>;

pub(super) enum Message {
    Start {
        spec: Box<JobSpec>,
        /// Set when it may be durable.
        is_begun: Arc<AtomicBool>,
        reply: Reply,
    },
    /// The client of a job is there until then.
    ClientHeartbeat { job_id: JobId, until: MonoTime },
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct DispatcherHandle {
    inbox: mpsc::Sender<Message>,
    table: watch::Receiver<Arc<JobTable>>,
}

impl DispatcherHandle {
    /// A handle and the actor that it speaks to, which does nothing until it is run. `history` is how many ended jobs
    /// are remembered.
    pub(crate) fn new(context: JobMasterContext, history: usize) -> (Self, Dispatcher) {
        let (sender, inbox) = mpsc::channel(INBOX_CAPACITY);
        let (publisher, table) = watch::channel(Arc::default());
        let actor = Dispatcher::new(inbox, publisher, context, history);
        (Self { inbox: sender, table }, actor)
    }

    /// Starts a job. Returns when it is durable. One that is known already and was submitted alike is not started again.
    ///
    /// # Errors
    /// [`Error::JobExists`], [`Error::ShuttingDown`], [`Error::NotStored`]. After [`Error::SubmissionUnknown`] the job may be
    /// there.
    pub(crate) async fn start(&self, spec: JobSpec) -> Result<JobId, Error> {
        let (reply, answer) = oneshot::channel();
        let (job_id, is_begun) = (spec.job_id, Arc::<AtomicBool>::default());
        let message = Message::Start { spec: Box::new(spec), is_begun: is_begun.clone(), reply };
        self.inbox.send(message).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| match is_begun.load(Ordering::Acquire) {
            true => Error::SubmissionUnknown(job_id),
            false => Error::ShuttingDown,
        })?
    }

    /// See [`ClusterHandle::client_heartbeat`](crate::ClusterHandle::client_heartbeat).
    pub(crate) async fn client_heartbeat(&self, job_id: JobId, until: MonoTime) -> Result<(), Error> {
        let message = Message::ClientHeartbeat { job_id, until };
        self.inbox.send(message).await.map_err(|_| Error::ShuttingDown)
    }

    /// Newest first.
    pub(crate) fn jobs(&self) -> Vec<Arc<JobView>> {
        self.table.borrow().views()
    }

    /// One job, if it is known.
    pub(crate) fn job(&self, job_id: JobId) -> Option<Arc<JobView>> {
        self.table.borrow().view(job_id)
    }

    /// Whether a job of this id is known. One that was submitted differently is an error.
    ///
    /// # Errors
    /// [`Error::JobExists`].
    pub(crate) fn is_submitted(&self, job_id: JobId, submission: &SubmissionView) -> Result<bool, Error> {
        match self.job(job_id) {
            None => Ok(false),
            Some(job) if is_alike(&job.submission, submission) => Ok(true),
            Some(_) => Err(Error::JobExists(job_id)),
        }
    }

    /// The JobMaster of a job that runs.
    pub(crate) fn job_master(&self, job_id: JobId) -> Option<JobMasterHandle> {
        self.table.borrow().running.get(&job_id).cloned()
    }

    /// See [`ClusterHandle::cancel`](crate::ClusterHandle::cancel).
    pub(crate) async fn cancel(&self, job_id: JobId) -> Result<(), Error> {
        match self.job_master(job_id) {
            Some(job_master) if job_master.cancel().await => Ok(()),
            Some(_) => Err(Error::NoLeader),
            None => self.job(job_id).map(drop).ok_or(Error::JobNotFound(job_id)),
        }
    }

    /// See [`ClusterHandle::wait_for_end`](crate::ClusterHandle::wait_for_end).
    pub(crate) async fn wait_for_end(&self, job_id: JobId) -> Result<Arc<JobView>, Error> {
        match self.job_master(job_id) {
            Some(job_master) => job_master.ended().await.ok_or(Error::NoLeader),
            None => self.job(job_id).ok_or(Error::JobNotFound(job_id)),
        }
    }
}

/// Whether a submission asks for what a known job does.
pub(super) fn is_alike(known: &SubmissionView, wanted: &SubmissionView) -> bool {
    // Not the artifact's id, which differs between two uploads of one program. Without an entry the program has chosen
    // its own, in the same way for both.
    known.artifact == wanted.artifact
        && known.savepoint == wanted.savepoint
        && known.arguments == wanted.arguments
        && known.config == wanted.config
        && (wanted.entry.is_none() || wanted.entry == known.entry)
}
