//! Everything below `/applications`. A job that is submitted by itself is an application of its own, with its id.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{JobId, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Api,
    error::ApiError,
    jobs::overview::{JobSummary, duration},
    json::Json,
    params::PathParams,
};
use crate::{clock::unix_ms, view::JobView};

/// Answer of `GET /applications/overview`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MultipleApplicationsDetails")]
pub(crate) struct Applications {
    applications: Vec<Application>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ApplicationDetails")]
struct Application {
    id: JobId,
    name: String,
    start_time: i64,
    end_time: i64,
    duration: i64,
    status: &'static str,
    jobs: BTreeMap<JobStatus, u32>,
}

/// Answer of `GET /applications/:applicationid`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ApplicationDetailsInfo")]
pub(crate) struct ApplicationDetail {
    id: JobId,
    name: String,
    status: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    timestamps: BTreeMap<&'static str, i64>,
    jobs: Vec<JobSummary>,
}

/// Answer of `GET /applications/:applicationid/exceptions`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApplicationExceptionsInfoWithHistory")]
pub(crate) struct ApplicationExceptions {
    exception_history: History,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApplicationExceptionHistory")]
struct History {
    entries: Vec<Entry>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApplicationExceptionInfo")]
struct Entry {
    exception_name: &'static str,
    stacktrace: String,
    timestamp: i64,
    job_id: JobId,
}

fn name(job: &JobView) -> String {
    format!("SingleJobApplication({})", job.graph.name)
}

/// The application's state for its job's. Applications have fewer.
const fn status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Initializing | JobStatus::Created => "CREATED",
        JobStatus::Running | JobStatus::Restarting | JobStatus::Suspended | JobStatus::Reconciling => {
            "RUNNING"
        }
        JobStatus::Failing => "FAILING",
        JobStatus::Failed => "FAILED",
        JobStatus::Cancelling => "CANCELING",
        JobStatus::Canceled => "CANCELED",
        JobStatus::Finished => "FINISHED",
    }
}

/// All applications, newest first.
pub(crate) async fn overview(State(api): State<Api>) -> Result<Json<Applications>, ApiError> {
    let (jobs, now) = (api.backend.jobs().await?, unix_ms());
    let application = |job: &JobView| Application {
        id: job.job_id,
        name: name(job),
        start_time: job.started_unix_ms,
        end_time: job.ended_unix_ms.unwrap_or(-1),
        duration: duration(job, now),
        status: status(job.status),
        jobs: BTreeMap::from([(job.status, 1)]),
    };
    Ok(Json(Applications { applications: jobs.iter().map(|job| application(job)).collect() }))
}

/// One application.
pub(crate) async fn detail(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<ApplicationDetail>, ApiError> {
    let (job, now) = (api.application(&params).await?, unix_ms());
    let entered = |status: JobStatus| job.status_times.of(status);
    Ok(Json(ApplicationDetail {
        id: job.job_id,
        name: name(&job),
        status: status(job.status),
        start_time: job.started_unix_ms,
        end_time: job.ended_unix_ms.unwrap_or(-1),
        duration: duration(&job, now),
        timestamps: BTreeMap::from([
            ("CREATED", job.started_unix_ms),
            ("RUNNING", entered(JobStatus::Running)),
            ("FAILING", entered(JobStatus::Failing)),
            ("FAILED", entered(JobStatus::Failed)),
            ("CANCELING", entered(JobStatus::Cancelling)),
            ("CANCELED", entered(JobStatus::Canceled)),
            ("FINISHED", entered(JobStatus::Finished)),
        ]),
        jobs: vec![JobSummary::new(&job, now)],
    }))
}

/// What failed in an application.
pub(crate) async fn exceptions(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<ApplicationExceptions>, ApiError> {
    let job = api.application(&params).await?;
    let entries = job.exceptions.iter().map(|exception| Entry {
        exception_name: exception.cause.kind.as_str(),
        stacktrace: exception.report(),
        timestamp: exception.unix_ms,
        job_id: job.job_id,
    });
    Ok(Json(ApplicationExceptions { exception_history: History { entries: entries.collect() } }))
}
