//! Log files of the daemons: listed, read, and tailed by byte ranges.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Api, backend::Daemon, error::ApiError, json::Json, range::ByteRange};
use crate::{Error, LogFile, view::LogFileView};

/// Flink's `LogListInfo`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogListInfo")]
pub(crate) struct LogList {
    logs: Vec<LogInfo>,
}

#[derive(Serialize, JsonSchema)]
struct LogInfo {
    name: String,
    size: u64,
    mtime: i64,
}

/// A log file or a part of it, as text.
pub(crate) struct LogText(Response);

impl IntoResponse for LogText {
    fn into_response(self) -> Response {
        self.0
    }
}

/// The log files of a daemon.
pub(crate) async fn list(api: &Api, of: &Daemon) -> Result<Json<LogList>, ApiError> {
    let logs = api.backend.logs(of).await.map_err(no_list)?;
    let info = |log: LogFileView| LogInfo { name: log.name, size: log.size, mtime: log.modified_unix_ms };
    Ok(Json(LogList { logs: logs.into_iter().map(info).collect() }))
}

/// A log file as text, or the part of it that the `Range` header asks for.
pub(crate) async fn read(
    api: &Api,
    of: &Daemon,
    file: LogFile,
    request: &HeaderMap,
) -> Result<LogText, ApiError> {
    let Some(range) = ByteRange::of(request) else {
        return Ok(LogText(text(StatusCode::OK, api, of, file, 0, None).await?));
    };
    let Some(size) = size(&api.backend.logs(of).await.map_err(refused)?, &file) else {
        // Not listed, so its size is not known: a server may always send the whole.
        return Ok(LogText(text(StatusCode::OK, api, of, file, 0, None).await?));
    };
    if size == 0 && matches!(range, ByteRange::Last(1..)) {
        // The last bytes of nothing are nothing: a range that the RFC calls satisfiable, but has no form for.
        return Ok(LogText(text(StatusCode::OK, api, of, file, 0, None).await?));
    }
    let Some((first, last)) = range.within(size) else {
        let mut response =
            ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("The log has {size} bytes."))
                .into_response();
        response.headers_mut().insert(header::CONTENT_RANGE, content_range(&format!("bytes */{size}")));
        return Ok(LogText(response));
    };
    let length = last - first + 1;
    let mut response = text(StatusCode::PARTIAL_CONTENT, api, of, file, first, Some(length)).await?;
    response
        .headers_mut()
        .insert(header::CONTENT_RANGE, content_range(&format!("bytes {first}-{last}/{size}")));
    Ok(LogText(response))
}

async fn text(
    status: StatusCode,
    api: &Api,
    of: &Daemon,
    file: LogFile,
    offset: u64,
    limit: Option<u64>,
) -> Result<Response, ApiError> {
    let stream = api.backend.log(of, file, offset, limit).await.map_err(refused)?.into_stream();
    let mut response = (status, Body::from_stream(stream)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// Why there is no list of files.
pub(crate) fn no_list(error: Error) -> ApiError {
    match error {
        Error::TaskManagerNotFound(id) => ApiError::not_found(format!("Could not find TaskExecutor {id}")),
        error => error.into(),
    }
}

/// Why a file can't be had. That a TaskManager is not there is told otherwise than of other things, as in Flink.
pub(crate) fn refused(error: Error) -> ApiError {
    match error {
        Error::TaskManagerNotFound(id) => ApiError::not_found(format!(
            "Failed to transfer file from TaskExecutor {id} because it was unknown."
        )),
        error => error.into(),
    }
}

/// The size of a file by the list of all. The current log and output are those with the endings that daemons give
/// them, the rotated ones have a number behind it.
fn size(logs: &[LogFileView], file: &LogFile) -> Option<u64> {
    let newest_with = |ending: &str| {
        logs.iter().filter(|log| log.name.ends_with(ending)).max_by_key(|log| log.modified_unix_ms)
    };
    let log = match file {
        LogFile::Log => newest_with(".log"),
        LogFile::Stdout => newest_with(".out"),
        LogFile::Named(name) => logs.iter().find(|log| log.name == *name),
    };
    log.map(|log| log.size)
}

fn content_range(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits and ASCII letters are allowed in a header")
}
