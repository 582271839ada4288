//! `GET /jobs` and `GET /jobs/overview`.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use flott_core::{ExecutionState, JobId, JobStatus, JobType};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    clock::unix_ms,
    rest::{Api, error::ApiError, json::Json},
    view::JobView,
};

/// Answer of `GET /jobs`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobIdsWithStatusOverview")]
pub(crate) struct JobIds {
    jobs: Vec<JobIdWithStatus>,
}

#[derive(Serialize, JsonSchema)]
struct JobIdWithStatus {
    id: JobId,
    status: JobStatus,
}

/// Answer of `GET /jobs/overview`, newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MultipleJobsDetails")]
pub(crate) struct Jobs {
    jobs: Vec<JobSummary>,
}

/// Flink's `JobDetails`: a job in a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobDetails")]
pub(crate) struct JobSummary {
    jid: JobId,
    name: String,
    #[serde(rename = "jobType")]
    job_type: JobType,
    #[serde(rename = "schedulerType")]
    scheduler_type: &'static str,
    #[serde(rename = "start-time")]
    start_time: i64,
    #[serde(rename = "end-time")]
    end_time: i64,
    duration: i64,
    state: JobStatus,
    #[serde(rename = "last-modification")]
    last_modification: i64,
    tasks: BTreeMap<&'static str, u32>,
    #[serde(rename = "pending-operators")]
    pending_operators: u32,
}

/// Name of Flink's scheduler that can do with the job what ours can. Its dashboard offers to rescale by this.
pub(crate) fn scheduler_type(job: &JobView) -> &'static str {
    if job.is_rescalable() { "Adaptive" } else { "Default" }
}

impl JobSummary {
    /// The job at `now`, in Unix milliseconds.
    pub(crate) fn new(job: &JobView, now: i64) -> Self {
        Self {
            jid: job.job_id,
            name: job.graph.name.clone(),
            job_type: job.graph.job_type,
            scheduler_type: scheduler_type(job),
            start_time: job.started_unix_ms,
            end_time: job.ended_unix_ms.unwrap_or(-1),
            duration: duration(job, now),
            state: job.status,
            last_modification: job.modified_unix_ms,
            tasks: task_counts(job),
            pending_operators: 0,
        }
    }
}

/// How long a job has run, or ran, in milliseconds.
pub(crate) fn duration(job: &JobView, now: i64) -> i64 {
    (job.ended_unix_ms.unwrap_or(now) - job.started_unix_ms).max(0)
}

/// Number of subtasks in each state and in all, by names in lower case.
fn task_counts(job: &JobView) -> BTreeMap<&'static str, u32> {
    let mut counts: BTreeMap<_, _> =
        ExecutionState::ALL.into_iter().map(|state| (lower_case(state), job.count(state))).collect();
    counts.insert("total", counts.values().sum());
    counts
}

const fn lower_case(state: ExecutionState) -> &'static str {
    match state {
        ExecutionState::Created => "created",
        ExecutionState::Scheduled => "scheduled",
        ExecutionState::Deploying => "deploying",
        ExecutionState::Initializing => "initializing",
        ExecutionState::Running => "running",
        ExecutionState::Finished => "finished",
        ExecutionState::Canceling => "canceling",
        ExecutionState::Canceled => "canceled",
        ExecutionState::Failed => "failed",
        ExecutionState::Reconciling => "reconciling",
    }
}

/// All jobs by id and status.
pub(crate) async fn ids(State(api): State<Api>) -> Result<Json<JobIds>, ApiError> {
    let jobs = api.backend.jobs().await?;
    let jobs = jobs.iter().map(|job| JobIdWithStatus { id: job.job_id, status: job.status }).collect();
    Ok(Json(JobIds { jobs }))
}

/// All jobs.
pub(crate) async fn overview(State(api): State<Api>) -> Result<Json<Jobs>, ApiError> {
    let jobs = api.backend.jobs().await?;
    Ok(Json(Jobs { jobs: summaries(&jobs) }))
}

/// Jobs in a list, as they are now.
pub(crate) fn summaries(jobs: &[Arc<JobView>]) -> Vec<JobSummary> {
    let now = unix_ms();
    jobs.iter().map(|job| JobSummary::new(job, now)).collect()
}
