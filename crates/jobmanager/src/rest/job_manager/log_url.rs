//! Where the dashboard shows a log: `GET /jobs/:jobid/jobmanager/log-url` and
//! `GET /jobs/:jobid/taskmanagers/:taskmanagerid/log-url`.

use axum::extract::State;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams};

/// Flink's `LogUrlResponse`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogUrlResponse")]
pub(crate) struct LogUrl {
    url: String,
}

/// The page of this JobManager's log.
pub(crate) async fn of_job_manager(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<LogUrl>, ApiError> {
    params.job_id()?;
    Ok(Json(LogUrl { url: format!("{}/#/job-manager/logs", api.options.address) }))
}

/// The page of a TaskManager's log. Old attempts have run on some that have gone, so nobody looks whether it is there.
pub(crate) async fn of_task_manager(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<LogUrl>, ApiError> {
    params.job_id()?;
    let id = utf8_percent_encode(params.text("taskmanagerid"), NON_ALPHANUMERIC);
    Ok(Json(LogUrl { url: format!("{}/#/task-manager/{id}/logs", api.options.address) }))
}
