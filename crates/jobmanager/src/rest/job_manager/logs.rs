//! Logs of this JobManager: `GET /jobmanager/{log,stdout,logs,logs/:filename}`.

use axum::{extract::State, http::HeaderMap};

use crate::{
    LogFile,
    rest::{Api, backend::Daemon, error::ApiError, json::Json, logs, params::PathParams},
};

/// Its log.
pub(crate) async fn log(State(api): State<Api>, headers: HeaderMap) -> Result<logs::LogText, ApiError> {
    logs::read(&api, &Daemon::JobManager, LogFile::Log, &headers).await
}

/// What it wrote to stdout and stderr.
pub(crate) async fn stdout(State(api): State<Api>, headers: HeaderMap) -> Result<logs::LogText, ApiError> {
    logs::read(&api, &Daemon::JobManager, LogFile::Stdout, &headers).await
}

/// All its log files.
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<logs::LogList>, ApiError> {
    logs::list(&api, &Daemon::JobManager).await
}

/// One of its log files by name.
pub(crate) async fn named(
    State(api): State<Api>,
    params: PathParams,
    headers: HeaderMap,
) -> Result<logs::LogText, ApiError> {
    let file = LogFile::Named(params.text("filename").to_owned());
    logs::read(&api, &Daemon::JobManager, file, &headers).await
}
