//! Where the dashboard shows a log: `GET /jobs/:jobid/jobmanager/log-url` and
//! `GET /jobs/:jobid/taskmanagers/:taskmanagerid/log-url`.

use axum::extract::State;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams, task_managers::list::find};

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
    api.job(&params).await?;
    Ok(Json(LogUrl { url: format!("{}/#/job-manager/logs", api.options.address) }))
}

/// The page of a TaskManager's log.
pub(crate) async fn of_task_manager(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<LogUrl>, ApiError> {
    api.job(&params).await?;
    let view = find(&api, &params).await?;
    let id = utf8_percent_encode(view.id.as_str(), NON_ALPHANUMERIC);
    Ok(Json(LogUrl { url: format!("{}/#/task-manager/{id}/logs", api.options.address) }))
}
