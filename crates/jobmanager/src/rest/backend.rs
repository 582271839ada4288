//! What REST needs of the cluster, so that its handlers can be tried on views made up by a test.

mod diagnostics;

use std::sync::Arc;

use bytes::Bytes;
use flott_control::job_master::{ManualCheckpoint, SnapshotTaken, WantedRequirements};
use flott_core::{JobId, TaskManagerId, TriggerId};
use futures::{future::BoxFuture, stream::BoxStream};

use crate::{
    ClusterHandle, ConfigEntry, Error, LogFile, LogStream, OperationStatus, RunOptions, SavepointOptions,
    artifacts::ArtifactId,
    ha::LeaderInfo,
    history::{HistoryView, Subject, Wanted},
    view::{
        ArtifactView, ClusterOverview, JobView, LeadershipView, LogFileView, PlanView, ProcessMetrics,
        TaskManagerView,
    },
};

pub(crate) use diagnostics::Diagnostics;

/// A future that borrows the backend.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// How far an operation is, if it is known.
pub(crate) type Known<T> = Option<OperationStatus<T>>;

/// The pieces of an upload as they come.
pub(crate) type UploadStream<'a> = BoxStream<'a, Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// A process whose logs can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Daemon {
    /// This JobManager.
    JobManager,
    /// A TaskManager.
    TaskManager(TaskManagerId),
}

/// The methods of [`ClusterHandle`], which says what each does.
pub(crate) trait Backend: Diagnostics {
    fn overview(&self) -> Answer<'_, ClusterOverview>;
    fn jobs(&self) -> Answer<'_, Vec<Arc<JobView>>>;
    fn job(&self, id: JobId) -> Answer<'_, Option<Arc<JobView>>>;
    fn cancel(&self, id: JobId) -> Answer<'_, ()>;
    fn client_heartbeat(&self, id: JobId, until_unix_ms: i64) -> Answer<'_, ()>;
    fn rescale(&self, id: JobId, wanted: WantedRequirements) -> Answer<'_, ()>;
    fn trigger_savepoint(&self, id: JobId, options: SavepointOptions) -> Answer<'_, TriggerId>;
    fn savepoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>>;
    fn trigger_checkpoint(
        &self,
        id: JobId,
        wanted: ManualCheckpoint,
        trigger: Option<TriggerId>,
    ) -> Answer<'_, TriggerId>;
    fn checkpoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>>;
    fn dispose_savepoint<'a>(&'a self, path: &'a str, trigger: Option<TriggerId>) -> Answer<'a, TriggerId>;
    fn disposal(&self, trigger: TriggerId) -> Answer<'_, Known<()>>;
    fn artifacts(&self) -> Answer<'_, Vec<ArtifactView>>;
    fn upload<'a>(&'a self, name: &'a str, body: UploadStream<'a>) -> Answer<'a, ArtifactView>;
    fn delete_artifact<'a>(&'a self, id: &'a ArtifactId) -> Answer<'a, ()>;
    fn plan<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, PlanView>;
    fn run<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, JobId>;
    fn task_managers(&self) -> Answer<'_, Vec<Arc<TaskManagerView>>>;
    fn task_manager<'a>(&'a self, id: &'a TaskManagerId) -> Answer<'a, Option<Arc<TaskManagerView>>>;
    fn history<'a>(&'a self, of: &'a Subject, wanted: &'a Wanted) -> Answer<'a, HistoryView>;
    fn logs<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<LogFileView>>;
    fn log<'a>(
        &'a self,
        of: &'a Daemon,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Answer<'a, LogStream>;
    fn leadership(&self) -> LeadershipView;
    fn leader_changed(&self, leader: LeaderInfo) -> BoxFuture<'_, ()>;
    fn config_entries(&self) -> &[ConfigEntry];
    fn process(&self) -> ProcessMetrics;
    fn cpu_load(&self) -> Option<f64>;
    fn shut_down(&self);
}

impl Backend for ClusterHandle {
    fn overview(&self) -> Answer<'_, ClusterOverview> {
        Box::pin(self.overview())
    }

    fn jobs(&self) -> Answer<'_, Vec<Arc<JobView>>> {
        Box::pin(self.jobs())
    }

    fn job(&self, id: JobId) -> Answer<'_, Option<Arc<JobView>>> {
        Box::pin(self.job(id))
    }

    fn cancel(&self, id: JobId) -> Answer<'_, ()> {
        Box::pin(self.cancel(id))
    }

    fn client_heartbeat(&self, id: JobId, until_unix_ms: i64) -> Answer<'_, ()> {
        Box::pin(self.client_heartbeat(id, until_unix_ms))
    }

    fn rescale(&self, id: JobId, wanted: WantedRequirements) -> Answer<'_, ()> {
        Box::pin(self.rescale(id, wanted))
    }

    fn trigger_savepoint(&self, id: JobId, options: SavepointOptions) -> Answer<'_, TriggerId> {
        Box::pin(self.trigger_savepoint(id, options))
    }

    fn savepoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>> {
        Box::pin(self.savepoint(id, trigger))
    }

    fn trigger_checkpoint(
        &self,
        id: JobId,
        wanted: ManualCheckpoint,
        trigger: Option<TriggerId>,
    ) -> Answer<'_, TriggerId> {
        Box::pin(self.trigger_checkpoint(id, wanted, trigger))
    }

    fn checkpoint(&self, id: JobId, trigger: TriggerId) -> Answer<'_, Known<SnapshotTaken>> {
        Box::pin(self.checkpoint(id, trigger))
    }

    fn dispose_savepoint<'a>(&'a self, path: &'a str, trigger: Option<TriggerId>) -> Answer<'a, TriggerId> {
        Box::pin(self.dispose_savepoint(path, trigger))
    }

    fn disposal(&self, trigger: TriggerId) -> Answer<'_, Known<()>> {
        Box::pin(self.disposal(trigger))
    }

    fn artifacts(&self) -> Answer<'_, Vec<ArtifactView>> {
        Box::pin(self.artifacts())
    }

    fn upload<'a>(&'a self, name: &'a str, body: UploadStream<'a>) -> Answer<'a, ArtifactView> {
        Box::pin(self.upload(name, body))
    }

    fn delete_artifact<'a>(&'a self, id: &'a ArtifactId) -> Answer<'a, ()> {
        Box::pin(self.delete_artifact(id))
    }

    fn plan<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, PlanView> {
        Box::pin(self.plan(id, options))
    }

    fn run<'a>(&'a self, id: &'a ArtifactId, options: RunOptions) -> Answer<'a, JobId> {
        Box::pin(self.run(id, options))
    }

    fn task_managers(&self) -> Answer<'_, Vec<Arc<TaskManagerView>>> {
        Box::pin(self.task_managers())
    }

    fn task_manager<'a>(&'a self, id: &'a TaskManagerId) -> Answer<'a, Option<Arc<TaskManagerView>>> {
        Box::pin(self.task_manager(id))
    }

    fn history<'a>(&'a self, of: &'a Subject, wanted: &'a Wanted) -> Answer<'a, HistoryView> {
        Box::pin(self.history(of, wanted))
    }

    fn logs<'a>(&'a self, of: &'a Daemon) -> Answer<'a, Vec<LogFileView>> {
        match of {
            Daemon::JobManager => Box::pin(self.logs()),
            Daemon::TaskManager(id) => Box::pin(self.task_manager_logs(id)),
        }
    }

    fn log<'a>(
        &'a self,
        of: &'a Daemon,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Answer<'a, LogStream> {
        match of {
            Daemon::JobManager => Box::pin(self.log(file, offset, limit)),
            Daemon::TaskManager(id) => Box::pin(self.task_manager_log(id, file, offset, limit)),
        }
    }

    fn leadership(&self) -> LeadershipView {
        self.leadership()
    }

    fn leader_changed(&self, leader: LeaderInfo) -> BoxFuture<'_, ()> {
        Box::pin(self.leader_changed(leader))
    }

    fn config_entries(&self) -> &[ConfigEntry] {
        self.config_entries()
    }

    fn process(&self) -> ProcessMetrics {
        self.process()
    }

    fn cpu_load(&self) -> Option<f64> {
        self.cpu_load()
    }

    fn shut_down(&self) {
        self.shut_down();
    }
}
