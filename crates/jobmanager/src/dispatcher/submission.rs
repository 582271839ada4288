//! From an artifact to a running job: plan, validate, start.

use std::{path::PathBuf, sync::Arc, time::Duration};

use flott_artifact::PlanRequest;
use flott_core::{JobGraph, JobId, job_config::JobConfig};
use tokio::sync::Semaphore;

use super::{DispatcherHandle, job_settings::JobSettings};
use crate::{
    Error,
    artifacts::{ArtifactId, ArtifactLease, ArtifactStore},
    handle::RunOptions,
    job_master::JobSpec,
    view::{PlanView, SubmissionView},
};

/// How many programs are run in plan mode at the same time. Each may use a core and as much memory as it likes.
const PLANS: usize = 4;
/// How many submissions may be under way, most of them waiting for their turn.
const SUBMISSIONS: usize = 64;

/// What the submitter needs to know of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct SubmitterOptions {
    /// The cluster's configuration, which a job's own goes before.
    pub(crate) config: flott_core::config::Configuration,
    /// How long a program may take in plan mode.
    pub(crate) plan_timeout: Duration,
    /// Where programs run in plan mode.
    pub(crate) temp_root: PathBuf,
}

/// Runs in its callers' tasks: a client that goes away ends its plan with it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Submitter {
    artifacts: ArtifactStore,
    dispatcher: DispatcherHandle,
    options: Arc<SubmitterOptions>,
    submissions: Arc<Semaphore>,
    plans: Arc<Semaphore>,
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
    ) -> Self {
        Self {
            artifacts,
            dispatcher,
            options: Arc::new(options),
            submissions: Arc::new(Semaphore::new(SUBMISSIONS)),
            plans: Arc::new(Semaphore::new(PLANS)),
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
        let settings = JobSettings::of_cluster(&self.options.config);
        let submission = SubmissionView {
            artifact: String::new(),
            artifact_id: None,
            arguments: Vec::new(),
            entry: None,
            config,
            fingerprint: String::new(),
        };
        self.start(graph, submission, settings, job_id, None).await
    }

    fn request(&self, id: &ArtifactId, options: RunOptions) -> Result<Request, Error> {
        let lease = self.artifacts.lease(id)?;
        if options.savepoint.is_some() {
            return Err(Error::Setting("starting from a savepoint is not supported yet".to_owned()));
        }
        let settings = JobSettings::new(&self.options.config, &options)?;
        let submission = SubmissionView {
            artifact: lease.digest().to_string(),
            artifact_id: Some(id.to_string()),
            arguments: options.arguments,
            entry: options.entry,
            config: settings.job_config.clone(),
            fingerprint: String::new(),
        };
        Ok(Request { lease, program_name: id.name().to_owned(), settings, submission })
    }

    async fn plan_request(&self, request: &Request) -> Result<PlanView, Error> {
        let _submission = self.submissions.try_acquire().map_err(|_| Error::Overloaded("Dispatcher"))?;
        let _plan = self.plans.acquire().await.map_err(|_| Error::ShuttingDown)?;
        let Request { lease, submission, .. } = request;
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

    async fn start(
        &self,
        graph: JobGraph,
        mut submission: SubmissionView,
        settings: JobSettings,
        job_id: Option<JobId>,
        lease: Option<ArtifactLease>,
    ) -> Result<JobId, Error> {
        submission.fingerprint = graph.fingerprint();
        let spec = JobSpec {
            job_id: job_id.unwrap_or_else(|| JobId::from_bytes(rand::random())),
            graph: Arc::new(graph),
            submission: Arc::new(submission),
            config: settings.job_master,
            lease,
        };
        self.dispatcher.start(spec).await
    }
}
