//! The Dispatcher's loop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flott_core::{FailureCause, FailureKind, JobId, JobStatus};
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    handle::{Message, is_alike},
    job_table::JobTable,
};
use crate::{
    Error,
    clock::Clock,
    job_master::{JobMaster, JobMasterHandle, JobSpec},
    resource_manager::ResourceManagerHandle,
    view::{ExceptionView, JobView},
};

/// How long running jobs may take to stop when the JobManager ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// Single owner of the list of jobs.
pub(crate) struct Dispatcher {
    inbox: mpsc::Receiver<Message>,
    publisher: watch::Sender<Arc<JobTable>>,
    resource_manager: ResourceManagerHandle,
    clock: Clock,
    history: usize,
    table: JobTable,
    job_masters: JoinSet<()>,
    /// Which task runs which job.
    tasks: BTreeMap<Id, JobId>,
}

impl Dispatcher {
    pub(super) fn new(
        inbox: mpsc::Receiver<Message>,
        publisher: watch::Sender<Arc<JobTable>>,
        resource_manager: ResourceManagerHandle,
        clock: Clock,
        history: usize,
    ) -> Self {
        Self {
            inbox,
            publisher,
            resource_manager,
            clock,
            history,
            table: JobTable::default(),
            job_masters: JoinSet::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// Runs until `shutdown`, then until all jobs have stopped or have taken too long to.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.job_masters.join_next_with_id() => self.ended(ended),
                Some(message) = self.inbox.recv() => match message {
                    Message::Start { spec, reply } => {
                        let answer = self.start(spec);
                        // The job runs even if its submitter has gone away: it may look for it by its id.
                        let _ = reply.send(answer);
                    }
                },
            }
        }
        self.stop().await;
    }

    fn start(&mut self, spec: JobSpec) -> Result<JobId, Error> {
        let job_id = spec.job_id;
        if let Some(known) = self.table.view(job_id) {
            return if is_alike(&known.submission, &spec.submission) {
                Ok(job_id)
            } else {
                Err(Error::JobExists(job_id))
            };
        }
        info!(%job_id, name = spec.graph.name, artifact = spec.submission.artifact, "job submitted");
        let (job_master, handle, peer) = JobMaster::new(spec, &self.resource_manager, self.clock);
        // First its way in, then its start: it must be found as soon as a TaskManager hears of it.
        self.table.running.insert(job_id, handle);
        self.publish();
        let resource_manager = self.resource_manager.clone();
        let task = self.job_masters.spawn(async move {
            if resource_manager.job_started(job_id, peer).await.is_err() {
                return;
            }
            job_master.run().await;
        });
        self.tasks.insert(task.id(), job_id);
        Ok(job_id)
    }

    /// A JobMaster's task has ended.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        let Some(job_id) = self.tasks.remove(&id) else { return };
        let Some(job_master) = self.table.running.get(&job_id) else { return };
        let view = match panic {
            None => job_master.view(),
            Some(panic) => {
                error!(%job_id, error = %panic, "a JobMaster crashed");
                Arc::new(self.crashed(job_master))
            }
        };
        self.table.archive(view, self.history);
        self.publish();
        let resource_manager = self.resource_manager.clone();
        let task = self.job_masters.spawn(async move {
            // Fails only if the ResourceManager has ended.
            let _ = resource_manager.job_ended(job_id).await;
        });
        drop(task);
    }

    /// What users see of a job whose JobMaster is gone without a word.
    fn crashed(&self, job_master: &JobMasterHandle) -> JobView {
        let mut view = (*job_master.view()).clone();
        if view.status.is_terminal() {
            return view;
        }
        let now = self.clock.to_unix_ms(self.clock.now());
        view.status = JobStatus::Failed;
        view.status_times.enter(JobStatus::Failed, now);
        view.ended_unix_ms = Some(now);
        view.modified_unix_ms = now;
        let cause =
            FailureCause::new(FailureKind::Internal, "the job's JobMaster crashed: see the JobManager's log");
        let exception =
            ExceptionView { cause, unix_ms: now, task_name: None, location: None, concurrent: Vec::new() };
        view.exceptions =
            Arc::new(std::iter::once(exception).chain(view.exceptions.iter().cloned()).collect());
        view
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
