//! The Dispatcher's loop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flott_control::AttachedClients;
use flott_core::{FailureCause, FailureKind, JobId, JobStatus};
use flott_storage::Storage;
use futures::future::BoxFuture;
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    handle::{Message, Reply, is_alike},
    job_table::JobTable,
};
use crate::{
    Error,
    clock::Clock,
    ha::StoreError,
    job_master::{JobMaster, JobMasterContext, JobMasterHandle, JobSpec, Left, clean_up},
    job_store::Cleanup,
    view::{ExceptionView, JobView, SubmissionView},
};

/// How long running jobs may take to stop when the JobManager ends and they are to end with it.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// Single owner of the list of jobs.
pub(crate) struct Dispatcher {
    inbox: mpsc::Receiver<Message>,
    publisher: watch::Sender<Arc<JobTable>>,
    context: JobMasterContext,
    history: usize,
    table: JobTable,
    /// Jobs that are being made durable.
    starting: BTreeMap<JobId, Starting>,
    submissions: JoinSet<Submitted>,
    /// Which task makes which job durable.
    storing: BTreeMap<Id, JobId>,
    /// Jobs of earlier leaders, which go on when this runs.
    recovering: Vec<(JobId, BoxFuture<'static, Result<(), FailureCause>>)>,
    /// Who has to be heard of for its job to go on.
    clients: AttachedClients,
    /// They tell why a job of an earlier leader can't go on.
    job_masters: JoinSet<Result<(), FailureCause>>,
    /// Which task runs which job.
    tasks: BTreeMap<Id, JobId>,
    /// Ends that nobody else makes durable.
    endings: JoinSet<Arc<JobView>>,
    /// What is done about jobs that have ended.
    housekeeping: JoinSet<()>,
}

/// A job, and whether it is durable.
type Submitted = (Box<JobSpec>, Result<(), StoreError>);

/// A job that is being made durable, and who waits for that.
struct Starting {
    submission: Arc<SubmissionView>,
    replies: Vec<Reply>,
}

impl Dispatcher {
    pub(super) fn new(
        inbox: mpsc::Receiver<Message>,
        publisher: watch::Sender<Arc<JobTable>>,
        context: JobMasterContext,
        history: usize,
    ) -> Self {
        Self {
            inbox,
            publisher,
            context,
            history,
            table: JobTable::default(),
            starting: BTreeMap::new(),
            submissions: JoinSet::new(),
            storing: BTreeMap::new(),
            recovering: Vec::new(),
            clients: AttachedClients::default(),
            job_masters: JoinSet::new(),
            tasks: BTreeMap::new(),
            endings: JoinSet::new(),
            housekeeping: JoinSet::new(),
        }
    }

    /// Takes in a job that has ended under an earlier leader.
    pub(crate) fn recover_ended(&mut self, view: JobView) {
        self.archive(Arc::new(view));
    }

    /// Deletes what a job has left in storage that has ended under an earlier leader.
    pub(crate) fn clean_up(&mut self, job_id: JobId, cleanup: Cleanup, storage: Storage) {
        let store = self.context.store.clone();
        self.housekeeping.spawn(async move {
            if clean_up(&storage, job_id, &cleanup).await {
                store.cleaned_up(job_id).await;
            }
        });
    }

    /// Takes in a job that an earlier leader has run. From now on its slots are held for it; it goes on when `left` is known,
    /// or fails if that can't be. What a failed one has left in storage stays.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`] if the ResourceManager has ended.
    pub(crate) async fn recover(
        &mut self,
        spec: JobSpec,
        left: impl Future<Output = Result<Left, FailureCause>> + Send + 'static,
    ) -> Result<(), Error> {
        let job_id = spec.job_id;
        info!(%job_id, name = spec.record.graph.name, "job recovered");
        self.attach_client(&spec);
        let (mut job_master, handle, peer) = JobMaster::new(spec, &self.context);
        self.table.running.insert(job_id, handle);
        self.publish();
        // Told before TaskManagers are let in: they may bring slots of the job.
        self.context.resource_manager.job_started(job_id, peer).await?;
        self.context.resource_manager.job_recovering(job_id).await?;
        let go_on = async move {
            job_master.recover(left.await?);
            job_master.run().await;
            Ok(())
        };
        self.recovering.push((job_id, Box::pin(go_on)));
        Ok(())
    }

    /// Runs until `shutdown`, then until all jobs have stopped or have taken too long to.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        // Not before: how long a job waits for its TaskManagers counts from then on, and now they are let in.
        for (job_id, go_on) in std::mem::take(&mut self.recovering) {
            let task = self.job_masters.spawn(go_on);
            self.tasks.insert(task.id(), job_id);
        }
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.job_masters.join_next_with_id() => self.ended(ended),
                Some(ended) = self.endings.join_next() => self.take_ending(ended),
                Some(submitted) = self.submissions.join_next_with_id() => self.submitted(submitted),
                Some(_) = self.housekeeping.join_next() => {}
                Some(message) = self.inbox.recv() => match message {
                    Message::Start { spec, is_begun, reply } => self.start(spec, &is_begun, reply),
                    Message::ClientHeartbeat { job_id, until } => self.clients.renew(job_id, until),
                },
                // Behind the inbox: a heartbeat that has come in time counts, however late it is read.
                () = self.context.clock.sleep_until(self.clients.next_wakeup()) => self.cancel_abandoned(),
            }
        }
        self.stop().await;
    }

    fn start(&mut self, spec: Box<JobSpec>, is_begun: &AtomicBool, reply: Reply) {
        let (job_id, submission) = (spec.job_id, &spec.record.submission);
        let known = self.table.view(job_id).map(|view| view.submission.clone());
        let known = known.or_else(|| self.starting.get(&job_id).map(|starting| starting.submission.clone()));
        if known.is_some_and(|known| !is_alike(&known, submission)) {
            // Who has gone away does not want to know.
            let _ = reply.send(Err(Error::JobExists(job_id)));
        } else if let Some(starting) = self.starting.get_mut(&job_id) {
            starting.replies.push(reply);
        } else if self.table.view(job_id).is_some() {
            let _ = reply.send(Ok(job_id));
        } else {
            is_begun.store(true, Ordering::Release);
            self.starting.insert(job_id, Starting { submission: submission.clone(), replies: vec![reply] });
            let store = self.context.store.clone();
            let task = self.submissions.spawn(async move {
                let stored = store.submit(job_id, &spec.record).await;
                (spec, stored)
            });
            self.storing.insert(task.id(), job_id);
        }
    }

    /// A job is durable, or could not be made so.
    fn submitted(&mut self, submitted: Result<(Id, Submitted), JoinError>) {
        let (spec, stored) = match submitted {
            Ok((task, submitted)) => {
                self.storing.remove(&task);
                submitted
            }
            Err(crash) => {
                let job_id = self.storing.remove(&crash.id());
                error!(?job_id, error = %crash, "storing a job crashed");
                // Without an answer its submitters know that the job may be there, and may submit it again.
                job_id.map(|job_id| self.starting.remove(&job_id));
                return;
            }
        };
        let job_id = spec.job_id;
        let replies = self.starting.remove(&job_id).map_or_else(Vec::new, |starting| starting.replies);
        let refusal = match stored {
            Ok(()) => {
                self.run_job(*spec);
                None
            }
            // Whether it is durable is not known, and not for this process to say.
            Err(error) if error.is_lost() => return,
            Err(error) => Some(error),
        };
        for reply in replies {
            // The job runs even if its submitter has gone away: it may look for it by its id.
            let answer = refusal.as_ref().map_or(Ok(job_id), |error| Err(Error::not_stored(error)));
            let _ = reply.send(answer);
        }
    }

    fn run_job(&mut self, spec: JobSpec) {
        let job_id = spec.job_id;
        let record = &spec.record;
        info!(%job_id, name = record.graph.name, artifact = record.submission.artifact, "job submitted");
        self.attach_client(&spec);
        let (job_master, handle, peer) = JobMaster::new(spec, &self.context);
        // First its way in, then its start: it must be found as soon as a TaskManager hears of it.
        self.table.running.insert(job_id, handle);
        self.publish();
        let resource_manager = self.context.resource_manager.clone();
        let task = self.job_masters.spawn(async move {
            if resource_manager.job_started(job_id, peer).await.is_ok() {
                job_master.run().await;
            }
            Ok(())
        });
        self.tasks.insert(task.id(), job_id);
    }

    /// Watches the client of a job that is to end with it. A job of an earlier leader gives it the whole time again.
    fn attach_client(&mut self, spec: &JobSpec) {
        if let Some(timeout) = spec.record.settings.client_timeout() {
            self.clients.attach(spec.job_id, self.context.clock.now() + timeout);
        }
    }

    /// Cancels the jobs whose clients have vanished.
    fn cancel_abandoned(&mut self) {
        for job_id in self.clients.take_expired(self.context.clock.now()) {
            let Some(job_master) = self.table.running.get(&job_id).cloned() else { continue };
            warn!(%job_id, "canceling a job whose client is gone");
            self.housekeeping.spawn(async move {
                // If nobody listens the job has ended, or this process leads no more and the next leader cancels it.
                let _ = job_master.cancel().await;
            });
        }
    }

    /// A JobMaster's task has ended.
    fn ended(&mut self, ended: Result<(Id, Result<(), FailureCause>), JoinError>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(panic) => {
                error!(error = %panic, "a JobMaster crashed");
                let message = "the job's JobMaster crashed: see the JobManager's log";
                (panic.id(), Err(FailureCause::new(FailureKind::Internal, message)))
            }
        };
        let Some(job_id) = self.tasks.remove(&id) else { return };
        let Some(job_master) = self.table.running.get(&job_id) else { return };
        let view = job_master.view();
        match outcome {
            Err(cause) if !view.status.is_terminal() => {
                error!(%job_id, error = %cause, kind = %cause.kind, "a job can't go on");
                self.end(failed(&view, cause, self.context.clock));
            }
            _ => self.archive(view),
        }
        let resource_manager = self.context.resource_manager.clone();
        let task = self.job_masters.spawn(async move {
            // Fails only if the ResourceManager has ended.
            let _ = resource_manager.job_ended(job_id).await;
            Ok(())
        });
        drop(task);
    }

    /// Lets a job end that has no JobMaster. Users hear of it when it is durable.
    fn end(&mut self, view: JobView) {
        let store = self.context.store.clone();
        self.endings.spawn(async move {
            store.end_for_certain(&view, None).await;
            Arc::new(view)
        });
    }

    fn take_ending(&mut self, ended: Result<Arc<JobView>, JoinError>) {
        match ended {
            Ok(view) => self.archive(view),
            Err(crash) => error!(error = %crash, "storing the result of a job crashed"),
        }
    }

    fn archive(&mut self, view: Arc<JobView>) {
        self.clients.remove(view.job_id);
        let forgotten = self.table.archive(view, self.history);
        self.publish();
        if forgotten.is_empty() {
            return;
        }
        let store = self.context.store.clone();
        self.housekeeping.spawn(async move {
            if let Err(error) = store.forget(&forgotten).await {
                debug!(%error, "old results stay until the next leader forgets them");
            }
        });
    }

    /// Cancels what runs. What does not stop in time is left to the TaskManagers, who lose their JobManager.
    async fn stop(mut self) {
        self.inbox.close();
        let running: Vec<JobMasterHandle> = self.table.running.values().cloned().collect();
        if !running.is_empty() {
            info!(jobs = running.len(), "canceling the running jobs");
        }
        let cancel = async {
            for job_master in running {
                job_master.cancel().await;
            }
            while let Some(ended) = self.job_masters.join_next_with_id().await {
                self.ended(ended);
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, cancel).await.is_err() {
            warn!(jobs = self.table.running.len(), "some jobs did not stop in time");
        }
    }

    fn publish(&self) {
        self.publisher.send_replace(Arc::new(self.table.clone()));
    }
}

/// What users see of a job that has failed without its JobMaster's saying so.
pub(super) fn failed(last: &JobView, cause: FailureCause, clock: Clock) -> JobView {
    let now = clock.to_unix_ms(clock.now());
    let mut view = last.clone();
    view.status = JobStatus::Failed;
    view.status_times.enter(JobStatus::Failed, now);
    view.ended_unix_ms = Some(now);
    view.modified_unix_ms = now;
    let exception =
        ExceptionView { cause, unix_ms: now, task_name: None, location: None, concurrent: Vec::new() };
    view.exceptions = Arc::new(std::iter::once(exception).chain(view.exceptions.iter().cloned()).collect());
    view
}
