//! Logs of a TaskManager: `GET /taskmanagers/:taskmanagerid/{log,stdout,logs,logs/:filename}`.

use axum::{extract::State, http::HeaderMap};

use crate::{
    LogFile,
    rest::{Api, backend::Daemon, error::ApiError, json::Json, logs, params::PathParams},
};

fn daemon(params: &PathParams) -> Daemon {
    Daemon::TaskManager(params.task_manager_id())
}

/// Its log.
pub(crate) async fn log(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
) -> Result<logs::LogText, ApiError> {
    logs::read(&api, &daemon(&params), LogFile::Log, &headers).await
}

/// What it and its task hosts wrote to stdout and stderr.
pub(crate) async fn stdout(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
) -> Result<logs::LogText, ApiError> {
    logs::read(&api, &daemon(&params), LogFile::Stdout, &headers).await
}

/// All its log files.
pub(crate) async fn list(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<logs::LogList>, ApiError> {
    logs::list(&api, &daemon(&params)).await
}

/// One of its log files by name.
pub(crate) async fn named(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
) -> Result<logs::LogText, ApiError> {
    let file = LogFile::Named(params.text("filename").to_owned());
    logs::read(&api, &daemon(&params), file, &headers).await
}
