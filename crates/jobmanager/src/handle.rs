//! The cluster's front door: what REST, and a program that embeds a JobManager, can ask of it.

mod diagnostics;
mod logs;
mod operations;
mod requests;
mod rescale;
mod snapshots;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use flott_core::{JobGraph, JobId, TaskManagerId, job_config::JobConfig};
use flott_logging::LogFilter;
use flott_reporter::CpuMeter;
use futures::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use diagnostics::{JobLogLine, JobLogs};
pub(crate) use logs::OwnLogs;
pub use logs::{LogFile, LogStream};
pub use operations::OperationStatus;
pub(crate) use operations::Operations;
pub use requests::{ConfigEntry, RunOptions};
pub(crate) use snapshots::Begun;
pub use snapshots::SavepointOptions;

use crate::{
    Error,
    artifacts::ArtifactId,
    clock::unix_ms,
    ha::{Candidate, LeaderInfo, Problem},
    history::{HistoryView, Subject, Wanted},
    leader_scope::{LeaderScope, PresentScope},
    view::{
        ArtifactView, ClusterOverview, JobView, LeadershipState, LeadershipView, LogFileView, OwnAddresses,
        PlanView, ProblemView, ProcessMetrics, TaskManagerView,
    },
};

/// For how long a client can say that it is there: a day, whatever its clock shows.
const LONGEST_CLIENT_LEASE_MS: i64 = 24 * 3600 * 1000;

/// Cheap to clone. Reads answer from published snapshots and never wait for an actor; the others wait until their
/// effect is certain. Every method may fail with [`Error::ShuttingDown`], and with [`Error::NoLeader`] while this JobManager
/// does not lead; those that change something also while it is not known whether it does.
#[derive(Clone)]
pub struct ClusterHandle {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) scope: PresentScope,
    /// This process.
    pub(crate) candidate: Candidate,
    /// Who leads, as far as is known.
    pub(crate) leader: watch::Receiver<Option<LeaderInfo>>,
    /// The JobManagers that are there, this one among them, as far as is known.
    pub(crate) members: watch::Receiver<Vec<Candidate>>,
    /// What is wrong just now with what keeps the jobs.
    pub(crate) problems: watch::Receiver<Vec<Problem>>,
    pub(crate) config_entries: Vec<ConfigEntry>,
    pub(crate) logs: logs::OwnLogs,
    pub(crate) cpu_meter: Mutex<CpuMeter>,
    /// What decides which events this process logs.
    pub(crate) log_filter: Option<LogFilter>,
    /// Cancelled when this process ends, for whatever reason.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled to end it in good order, `shutdown` with it.
    pub(crate) told_to_end: CancellationToken,
}

impl ClusterHandle {
    pub(crate) fn new(inner: Inner) -> Self {
        let handle = Self { inner: Arc::new(inner) };
        // Who asks first is told the load since now.
        handle.cpu_load();
        handle
    }

    /// Who leads, and what this JobManager has to do with it.
    pub fn leadership(&self) -> LeadershipView {
        let leader = self.inner.leader.borrow().clone();
        let leads = |member: &&Candidate| {
            leader.as_ref().is_some_and(|leader| leader.instance_id == member.instance_id)
        };
        let members = self.inner.members.borrow();
        let standbys =
            members.iter().filter(|member| !leads(member)).cloned().map(OwnAddresses::from).collect();
        let state = match self.inner.scope.get() {
            Ok(scope) if scope.is_certain() => LeadershipState::Leading,
            Ok(_) => LeadershipState::Suspended,
            Err(_) => LeadershipState::Standby,
        };
        LeadershipView {
            leader,
            own: self.inner.candidate.clone().into(),
            standbys,
            state,
            problems: self.inner.problems.borrow().iter().map(ProblemView::of).collect(),
        }
    }

    /// Resolves when another leads than `leader`, or nobody.
    pub(crate) async fn leader_changed(&self, leader: LeaderInfo) {
        let mut present = self.inner.leader.clone();
        // An error means that nobody watches the election any more: this process ends.
        let _ = present.wait_for(|present| present.as_ref() != Some(&leader)).await;
    }

    /// What leads here, to be asked.
    fn scope(&self) -> Result<Arc<LeaderScope>, Error> {
        self.inner.scope.get()
    }

    /// What leads here, to be changed.
    fn certain_scope(&self) -> Result<Arc<LeaderScope>, Error> {
        if self.inner.shutdown.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        self.inner.scope.get_certain()
    }

    /// The cluster in numbers.
    pub async fn overview(&self) -> Result<ClusterOverview, Error> {
        let scope = self.scope()?;
        let mut overview = scope.resource_manager.overview();
        for job in scope.dispatcher.jobs() {
            *overview.jobs.entry(job.status).or_default() += 1;
        }
        Ok(overview)
    }

    /// All running jobs and the last `web.history` that have ended, newest first.
    pub async fn jobs(&self) -> Result<Vec<Arc<JobView>>, Error> {
        Ok(self.scope()?.dispatcher.jobs())
    }

    /// One job, or `None` if it is not known or not any more.
    pub async fn job(&self, job_id: JobId) -> Result<Option<Arc<JobView>>, Error> {
        Ok(self.scope()?.dispatcher.job(job_id))
    }

    /// Asks a job to stop. Returns when its JobMaster has taken note; that it has stopped shows in its view. Without
    /// effect on a job that has ended.
    ///
    /// # Errors
    /// [`Error::JobNotFound`].
    pub async fn cancel(&self, job_id: JobId) -> Result<(), Error> {
        self.certain_scope()?.dispatcher.cancel(job_id).await
    }

    /// The client that has submitted a job attached is there until then, in Unix milliseconds by its own clock. Without effect
    /// on jobs whose clients did not ask to be watched, and on such that are not known.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub async fn client_heartbeat(&self, job_id: JobId, until_unix_ms: i64) -> Result<(), Error> {
        let scope = self.certain_scope()?;
        let left = until_unix_ms.saturating_sub(crate::clock::unix_ms()).clamp(0, LONGEST_CLIENT_LEASE_MS);
        let until = scope.clock.now() + Duration::from_millis(left.unsigned_abs());
        scope.dispatcher.client_heartbeat(job_id, until).await
    }

    /// The uploaded artifacts, newest first.
    pub async fn artifacts(&self) -> Result<Vec<ArtifactView>, Error> {
        Ok(self.scope()?.artifacts.list())
    }

    /// Stores an artifact and checks that it can be one. `name` is the client's file name; of it only harmless
    /// characters are kept, and it is never used as a path.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the file is none, [`Error::ArtifactTooLarge`], [`Error::UploadBroken`].
    pub async fn upload<E>(
        &self,
        name: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<ArtifactView, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.certain_scope()?.artifacts.upload(name, body).await
    }

    /// Forgets an artifact. Jobs that run it go on.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`].
    pub async fn delete_artifact(&self, id: &ArtifactId) -> Result<(), Error> {
        self.certain_scope()?.artifacts.delete(id).await
    }

    /// Plans an artifact without running its job.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`], [`Error::Artifact`] if the program fails, [`Error::Graph`], [`Error::Setting`].
    pub async fn plan(&self, id: &ArtifactId, options: RunOptions) -> Result<PlanView, Error> {
        self.scope()?.submitter.plan(id, options).await
    }

    /// Runs an artifact's job and returns once its JobMaster runs. With a job id chosen by the client, repeating the
    /// call starts no second job.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan), [`Error::JobExists`], and, if it is to begin with a snapshot, [`Error::Snapshot`],
    /// [`Error::RestoreRefused`], [`Error::SnapshotClaimed`] or [`Error::SnapshotInUse`]. Then there is no job.
    pub async fn run(&self, id: &ArtifactId, options: RunOptions) -> Result<JobId, Error> {
        self.certain_scope()?.submitter.run(id, options).await
    }

    /// Runs a graph whose program needs no artifact because it is this process.
    ///
    /// # Errors
    /// [`Error::Graph`], [`Error::JobExists`].
    pub async fn submit_graph(
        &self,
        graph: JobGraph,
        config: JobConfig,
        job_id: Option<JobId>,
    ) -> Result<JobId, Error> {
        self.certain_scope()?.submitter.submit_graph(graph, config, job_id).await
    }

    /// Waits until a job has ended and returns its last view.
    ///
    /// # Errors
    /// [`Error::JobNotFound`].
    pub async fn wait_for_end(&self, job_id: JobId) -> Result<Arc<JobView>, Error> {
        self.scope()?.dispatcher.wait_for_end(job_id).await
    }

    /// What was recorded of a subject in the last hour. Nothing, if it is not known.
    pub async fn history(&self, of: &Subject, wanted: &Wanted) -> Result<HistoryView, Error> {
        Ok(self.scope()?.history.read(of, wanted))
    }

    /// The registered TaskManagers, in the order of their names.
    pub async fn task_managers(&self) -> Result<Vec<Arc<TaskManagerView>>, Error> {
        Ok(self.scope()?.resource_manager.task_managers())
    }

    /// One TaskManager, if it is registered.
    pub async fn task_manager(&self, id: &TaskManagerId) -> Result<Option<Arc<TaskManagerView>>, Error> {
        Ok(self.scope()?.resource_manager.task_manager(id))
    }

    /// The log files of a TaskManager.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::TaskManagerUnreachable`].
    pub async fn task_manager_logs(&self, id: &TaskManagerId) -> Result<Vec<LogFileView>, Error> {
        self.scope()?.resource_manager.list_logs(id).await
    }

    /// Reads a log file of a TaskManager from `offset` on, at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TaskManagerNotFound`], [`Error::TaskManagerUnreachable`], [`Error::LogNotFound`].
    pub async fn task_manager_log(
        &self,
        id: &TaskManagerId,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<LogStream, Error> {
        self.scope()?.resource_manager.read_log(id, file, offset, limit).await
    }

    /// The log files of this JobManager.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn logs(&self) -> Result<Vec<LogFileView>, Error> {
        self.inner.logs.list().await
    }

    /// Reads a log file of this JobManager from `offset` on, at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::LogNotFound`], [`Error::File`].
    pub async fn log(&self, file: LogFile, offset: u64, limit: Option<u64>) -> Result<LogStream, Error> {
        self.inner.logs.read(file, offset, limit).await
    }

    /// The configuration that this JobManager runs with, by key. Secrets are shown as `******`.
    pub fn config_entries(&self) -> &[ConfigEntry] {
        &self.inner.config_entries
    }

    /// What the operating system says of this JobManager's process.
    pub fn process(&self) -> ProcessMetrics {
        crate::process::own_metrics()
    }

    /// The share of the machine's cores that this JobManager's process uses, 0 to 1; `None` if it is not known yet.
    pub fn cpu_load(&self) -> Option<f64> {
        let now = Duration::from_millis(u64::try_from(unix_ms()).unwrap_or(0));
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        // Nothing can panic while it is held.
        let mut meter = self.inner.cpu_meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.load(now, self.process().cpu_ms, cores)
    }

    /// Stops the JobManager: no new jobs, running ones end unless they survive it, the process exits within seconds. Returns
    /// at once.
    pub fn shut_down(&self) {
        self.inner.told_to_end.cancel();
    }
}
