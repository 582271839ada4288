//! `GET /jobs/:jobid/status` and `GET /jobs/:jobid/execution-result`: what clients poll that wait for a job.

use std::collections::BTreeMap;

use axum::extract::State;
use flott_core::{FailureKind, JobId, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::overview::duration;
use crate::{
    clock::unix_ms,
    rest::{
        Api, error::ApiError, json::Json, operations::QueueStatus, params::PathParams,
        throwable::SerializedThrowable,
    },
    view::JobView,
};

/// Answer of `GET /jobs/:jobid/status`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobStatusInfo")]
pub(crate) struct Status {
    status: JobStatus,
}

/// Answer of `GET /jobs/:jobid/execution-result`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JobExecutionResultResponseBody")]
pub(crate) struct ExecutionResult {
    status: QueueStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_execution_result: Option<JobResult>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct JobResult {
    id: JobId,
    name: String,
    application_status: &'static str,
    accumulator_results: BTreeMap<String, String>,
    net_runtime: i64,
    application_id: JobId,
    start_time: i64,
    end_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_cause: Option<SerializedThrowable>,
}

impl JobResult {
    fn new(job: &JobView, now: i64) -> Self {
        Self {
            id: job.job_id,
            name: job.graph.name.clone(),
            application_status: match job.status {
                JobStatus::Finished => "SUCCEEDED",
                JobStatus::Failed => "FAILED",
                JobStatus::Canceled => "CANCELED",
                _ => "UNKNOWN",
            },
            accumulator_results: BTreeMap::new(),
            net_runtime: duration(job, now),
            application_id: job.job_id,
            start_time: job.started_unix_ms,
            end_time: job.ended_unix_ms.unwrap_or(now),
            failure_cause: (job.status == JobStatus::Failed).then(|| failure_cause(job)),
        }
    }
}

/// Where Flink names a Java class there stands the kind of the failure.
fn failure_cause(job: &JobView) -> SerializedThrowable {
    match job.exceptions.first() {
        Some(exception) => SerializedThrowable::new(
            exception.cause.kind.as_str(),
            &exception.cause.message,
            exception.report(),
        ),
        None => SerializedThrowable::new(
            FailureKind::Internal.as_str(),
            "the job failed without a cause",
            "the job failed without a cause".to_owned(),
        ),
    }
}

/// The status of a job.
pub(crate) async fn status(State(api): State<Api>, params: PathParams) -> Result<Json<Status>, ApiError> {
    let id = params.job_id()?;
    // 500, unlike everywhere else: the contract.
    let job = api.backend.job(id).await?.ok_or_else(|| ApiError::internal(could_not_find(id)))?;
    Ok(Json(Status { status: job.status }))
}

/// The result of a job, once it has one.
pub(crate) async fn execution_result(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<ExecutionResult>, ApiError> {
    let id = params.job_id()?;
    let job = api.backend.job(id).await?.ok_or_else(|| ApiError::not_found(could_not_find(id)))?;
    Ok(Json(if job.status.is_terminal() {
        ExecutionResult {
            status: QueueStatus::COMPLETED,
            job_execution_result: Some(JobResult::new(&job, unix_ms())),
        }
    } else {
        ExecutionResult { status: QueueStatus::IN_PROGRESS, job_execution_result: None }
    }))
}

fn could_not_find(id: JobId) -> String {
    format!("Could not find Flink job ({id})")
}
