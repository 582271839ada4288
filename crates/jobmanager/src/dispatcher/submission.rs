//! From an artifact to a running job: plan, validate, start.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flott_artifact::PlanRequest;
use flott_core::{FailureCause, JobGraph, JobId, JobType, job_config::JobConfig};
use flott_storage::{Storage, StorageUri};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
};

use super::{DispatcherHandle, checkpoint_dir, disposal, job_settings::JobSettings, restore::restore};
use crate::{
    Error,
    artifacts::{ArtifactId, ArtifactLease, ArtifactStore},
    clock::Clock,
    ha::Standing,
    handle::RunOptions,
    job_master::JobSpec,
    job_store::{JobRecord, RecordedSettings},
    view::{PlanView, SubmissionView},
};

/// How many programs are run in plan mode at the same time. Each may use a core and as much memory as it likes.
const PLANS: usize = 4;
/// How many submissions may be under way, most of them waiting for their turn.
const SUBMISSIONS: usize = 64;

/// How many planned jobs may be being started, which takes as long as the storage does.
const STARTS: usize = 64;

/// What the submitter needs to know of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct SubmitterOptions {
    /// The cluster's configuration, which a job's own goes before.
    pub(crate) config: flott_core::config::Configuration,
    pub(crate) clock: Clock,
    /// How long a program may take in plan mode.
    pub(crate) plan_timeout: Duration,
    /// Where programs run in plan mode.
    pub(crate) temp_root: PathBuf,
    /// Where snapshots are.
    pub(crate) storage: Storage,
    /// Where checkpoints go of jobs that name no place.
    pub(crate) checkpoint_root: StorageUri,
}

/// Plans in its callers' tasks: a client that goes away ends its plan with it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Submitter {
    artifacts: ArtifactStore,
    dispatcher: DispatcherHandle,
    options: Arc<SubmitterOptions>,
    submissions: Arc<Semaphore>,
    plans: Arc<Semaphore>,
    /// `None` once this process does not lead any more.
    starts: Arc<Mutex<Option<JoinSet<()>>>>,
    leads: Standing,
}

/// An artifact that is about to be planned.
struct Request {
    /// What the artifact was called when it was uploaded.
    program_name: String,
    lease: ArtifactLease,
    settings: JobSettings,
    submission: SubmissionView,
}

impl Submitter {
    pub(crate) fn new(
        artifacts: ArtifactStore,
        dispatcher: DispatcherHandle,
        options: SubmitterOptions,
        leads: Standing,
    ) -> Self {
        Self {
            artifacts,
            dispatcher,
            options: Arc::new(options),
            submissions: Arc::new(Semaphore::new(SUBMISSIONS)),
            plans: Arc::new(Semaphore::new(PLANS)),
            starts: Arc::new(Mutex::new(Some(JoinSet::new()))),
            leads,
        }
    }

    /// See [`ClusterHandle::plan`](crate::ClusterHandle::plan).
    pub(crate) async fn plan(&self, id: &ArtifactId, options: RunOptions) -> Result<PlanView, Error> {
        let request = self.request(id, options)?;
        self.plan_request(&request).await
    }

    /// See [`ClusterHandle::run`](crate::ClusterHandle::run).
    pub(crate) async fn run(&self, id: &ArtifactId, options: RunOptions) -> Result<JobId, Error> {
        let job_id = options.job_id;
        let request = self.request(id, options)?;
        if let Some(job_id) = job_id
            && self.dispatcher.is_submitted(job_id, &request.submission)?
        {
            return Ok(job_id);
        }
        let PlanView { graph, entry, .. } = self.plan_request(&request).await?;
        let Request { lease, settings, mut submission, .. } = request;
        submission.entry = entry.or(submission.entry);
        self.start(graph, submission, settings, job_id, Some(lease)).await
    }

    /// See [`ClusterHandle::submit_graph`](crate::ClusterHandle::submit_graph).
    pub(crate) async fn submit_graph(
        &self,
        graph: JobGraph,
        config: JobConfig,
        job_id: Option<JobId>,
    ) -> Result<JobId, Error> {
        graph.validate()?;
        let settings = JobSettings::of_cluster(&self.options.config)?;
        let submission = SubmissionView {
            artifact: String::new(),
            artifact_id: None,
            arguments: Vec::new(),
            entry: None,
            savepoint: settings.restore.as_ref().map(|restore| restore.path.to_string()),
            config,
            fingerprint: String::new(),
        };
        self.start(graph, submission, settings, job_id, None).await
    }

    fn request(&self, id: &ArtifactId, options: RunOptions) -> Result<Request, Error> {
        let lease = self.artifacts.lease(id)?;
        let settings = JobSettings::new(&self.options.config, &options)?;
        let submission = SubmissionView {
            artifact: lease.digest().to_string(),
            artifact_id: Some(id.to_string()),
            arguments: options.arguments,
            entry: options.entry,
            savepoint: settings.restore.as_ref().map(|restore| restore.path.to_string()),
            config: settings.job_config.clone(),
            fingerprint: String::new(),
        };
        Ok(Request { lease, program_name: id.name().to_owned(), settings, submission })
    }

    async fn plan_request(&self, request: &Request) -> Result<PlanView, Error> {
        let _submission = self.submissions.try_acquire().map_err(|_| Error::Overloaded("Dispatcher"))?;
        let _plan = self.plans.acquire().await.map_err(|_| Error::ShuttingDown)?;
        let Request { lease, submission, .. } = request;
        self.artifacts.fetch(lease.digest()).await?;
        let job_config_json = serde_json::to_string(&submission.config)
            .expect("settings of strings and numbers always serialize");
        let planned = flott_artifact::plan(PlanRequest {
            artifact: lease.path(),
            program_name: Some(request.program_name.clone()),
            args: submission.arguments.iter().map(Into::into).collect(),
            entry: submission.entry.clone(),
            job_config_json,
            timeout: self.options.plan_timeout,
            temp_root: self.options.temp_root.clone(),
        })
        .await?;
        self.artifacts.set_entries(lease.digest(), &planned.entries);
        planned.job_graph.validate()?;
        Ok(PlanView { graph: planned.job_graph, entry: planned.entry, entries: planned.entries })
    }

    /// Starts a job, or fails, also if the caller goes away meanwhile: what was claimed for it must become the job's or be
    /// given back.
    async fn start(
        &self,
        graph: JobGraph,
        submission: SubmissionView,
        settings: JobSettings,
        job_id: Option<JobId>,
        lease: Option<ArtifactLease>,
    ) -> Result<JobId, Error> {
        let (reply, answer) = oneshot::channel();
        let is_new = job_id.is_none();
        let job_id = job_id.unwrap_or_else(|| JobId::from_bytes(rand::random()));
        let submitter = self.clone();
        {
            let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
            let starts = starts.as_mut().ok_or(Error::NoLeader)?;
            while starts.try_join_next().is_some() {}
            if starts.len() >= STARTS {
                return Err(Error::Overloaded("Dispatcher"));
            }
            starts.spawn(async move {
                let started =
                    submitter.claim_and_start(graph, submission, settings, (job_id, is_new), lease).await;
                // Whoever has gone away may look for the job by its id.
                let _ = reply.send(started);
            });
        }
        // Given up in the middle.
        answer.await.map_err(|_| Error::SubmissionUnknown(job_id))?
    }

    /// Begins no more starts, and hands out those under way.
    pub(crate) fn close(&self) -> JoinSet<()> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.take().unwrap_or_default()
    }

    async fn claim_and_start(
        &self,
        graph: JobGraph,
        mut submission: SubmissionView,
        settings: JobSettings,
        (job_id, is_new): (JobId, bool),
        lease: Option<ArtifactLease>,
    ) -> Result<JobId, Error> {
        submission.fingerprint = graph.fingerprint();
        let leads = || self.leads.is_leading();
        let (storage, clock) = (&self.options.storage, self.options.clock);
        let root = settings.checkpoint_root.as_ref().unwrap_or(&self.options.checkpoint_root);
        let directory = checkpoint_dir::choose(storage, root, job_id, is_new).await?;
        let restored = match &settings.restore {
            Some(settings) => {
                let claimant = (job_id, &directory);
                Some(restore(storage, settings, &graph, claimant, |id| self.is_running(id), leads).await?)
            }
            None => None,
        };
        let takes_checkpoints =
            graph.recovery.checkpoints.is_enabled() && graph.job_type == JobType::Streaming;
        let prepared = match takes_checkpoints {
            true => checkpoint_dir::make(storage, &directory, job_id).await,
            false => Ok(()),
        };
        let started = match prepared {
            Ok(()) => {
                let initial = restored.as_ref().map(|restored| restored.initial.clone());
                let record = JobRecord {
                    graph: Arc::new(graph),
                    submission: Arc::new(submission),
                    settings: RecordedSettings::new(
                        &settings.job_master,
                        settings.checkpoint_history,
                        settings.client_timeout,
                    ),
                    secret: rand::random(),
                    checkpoint_dir: directory,
                    is_prepared: takes_checkpoints,
                    savepoint_dir: settings.savepoint_dir.map(|uri| uri.to_string().into()),
                    restore: initial.as_ref().map(|initial| initial.point.clone()),
                    submitted_unix_ms: clock.to_unix_ms(clock.now()),
                };
                let storage = storage.clone();
                let spec = JobSpec { job_id, record, storage, initial, lease };
                self.dispatcher.start(spec).await
            }
            Err(error) => Err(error),
        };
        // A job of this id, even another one, may have come to the same claim; or it may be there for the next leader.
        let is_there = matches!(started, Ok(_) | Err(Error::SubmissionUnknown(_)))
            || self.dispatcher.job(job_id).is_some();
        if let Some(restored) = restored.filter(|_| !is_there) {
            restored.undo(storage, leads).await;
        }
        started
    }

    /// See [`ClusterHandle::dispose_savepoint`](crate::ClusterHandle::dispose_savepoint).
    pub(crate) async fn dispose(&self, uri: &StorageUri) -> Result<(), FailureCause> {
        disposal::dispose(&self.options.storage, uri, |job_id| self.is_running(job_id)).await
    }

    fn is_running(&self, job_id: JobId) -> bool {
        self.dispatcher.job_master(job_id).is_some()
    }
}

#[cfg(test)]
mod tests;
