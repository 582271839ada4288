//! `GET, PUT /jobmanager/log-level` and `/taskmanagers/:taskmanagerid/log-level`: which events a daemon logs.
//!
//! As everything below `/jobmanager` it is about the JobManager that leads. A change holds until the daemon ends.

use axum::extract::State;
use flott_core::TaskManagerId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Api,
    backend::Daemon,
    error::ApiError,
    json::{Json, JsonBody, RequestBody},
    params::PathParams,
};

/// A level for all events, and others for some targets: `info,flott_taskmanager=debug`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct LogFilter {
    filter: String,
}

impl RequestBody for LogFilter {
    const FORM: &'static str = "LogFilterRequestBody";
}

async fn set(api: &Api, of: Daemon, wanted: LogFilter) -> Result<Json<LogFilter>, ApiError> {
    let filter = api.backend.set_log_filter(&of, &wanted.filter).await?;
    Ok(Json(LogFilter { filter }))
}

fn task_manager(params: &PathParams) -> Daemon {
    let id: TaskManagerId = params.task_manager_id();
    Daemon::TaskManager(id)
}

/// Which events the JobManager logs.
pub(crate) async fn of_job_manager(State(api): State<Api>) -> Result<Json<LogFilter>, ApiError> {
    Ok(Json(LogFilter { filter: api.backend.log_filter(&Daemon::JobManager).await? }))
}

/// Changes which events the JobManager logs.
pub(crate) async fn set_of_job_manager(
    State(api): State<Api>,
    JsonBody(wanted): JsonBody<LogFilter>,
) -> Result<Json<LogFilter>, ApiError> {
    set(&api, Daemon::JobManager, wanted).await
}

/// Which events a TaskManager logs.
pub(crate) async fn of_task_manager(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<LogFilter>, ApiError> {
    Ok(Json(LogFilter { filter: api.backend.log_filter(&task_manager(&params)).await? }))
}

/// Changes which events a TaskManager logs.
pub(crate) async fn set_of_task_manager(
    State(api): State<Api>,
    params: PathParams,
    JsonBody(wanted): JsonBody<LogFilter>,
) -> Result<Json<LogFilter>, ApiError> {
    set(&api, task_manager(&params), wanted).await
}
