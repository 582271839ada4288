//! Errors as clients see them: a status and `{"errors": ["…"]}`, with Flink's texts where it has one.

use std::io;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use flott_core::{JobId, TaskManagerId, VertexId};
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Json;
use crate::{Error, ErrorKind, Rejection};

/// What a handler answers when it cannot do what was asked. Carries no traces and no paths of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    errors: Vec<String>,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.errors.join(" "))
    }
}

impl std::error::Error for ApiError {}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = describe(&error);
        match &error {
            // A slow or vanished client was noticed below the store, where its answer was made too.
            Error::UploadBroken(source) => match find_in_chain::<Self>(source.as_ref()) {
                Some(answer) => answer.clone(),
                None => Self::bad_request(text),
            },
            Error::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, text)
            }
            Error::TaskManagerNotFound(id) => Self::task_manager_not_found(id),
            // Not 503: it is not this service that is unavailable.
            Error::TaskManagerUnreachable { .. } => Self::internal(text),
            Error::Artifact(error) if error.kind() == flott_artifact::ErrorKind::User => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
            }
            _ => match error.kind() {
                ErrorKind::NotFound => Self::not_found(text),
                ErrorKind::Rejected(Rejection::Invalid) => Self::bad_request(text),
                ErrorKind::Rejected(Rejection::Conflict) => Self::new(StatusCode::CONFLICT, text),
                ErrorKind::Rejected(Rejection::TooLarge) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, text),
                ErrorKind::Rejected(Rejection::Program) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
                ErrorKind::Unavailable => Self::new(StatusCode::SERVICE_UNAVAILABLE, text),
                ErrorKind::Internal => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot answer a request");
                    Self::internal(text)
                }
            },
        }
    }
}

/// The error and its causes in one line, without paths of this machine.
fn describe(error: &Error) -> String {
    let mut text = match error {
        Error::File { action, .. } => format!("the JobManager cannot {action} one of its files"),
        error => error.to_string(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The first error of type `T` among an error and its causes.
pub(crate) fn find_in_chain<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        link = error.source();
    }
    None
}

/// First text of a status 500, as Flink's; the second says what happened.
const INTERNAL: &str = "Internal server error.";

impl ApiError {
    /// An error with one text.
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, errors: vec![text.into()] }
    }

    /// 400 with this text.
    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 404 with this text.
    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// 403 with this text.
    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// 500, for which Flink's clients expect a fixed first text.
    pub(crate) fn internal(text: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, errors: vec![INTERNAL.to_owned(), text.into()] }
    }

    /// The same error with one more text.
    pub(crate) fn and(mut self, text: impl Into<String>) -> Self {
        self.errors.push(text.into());
        self
    }

    /// A part of the path is not of its type.
    pub(crate) fn path_parameter(name: &str, value: &str) -> Self {
        Self::parameter("path", name, value)
    }

    /// A value in the query is not of its type.
    pub(crate) fn query_parameter(name: &str, value: &str) -> Self {
        Self::parameter("query", name, value)
    }

    fn parameter(place: &str, name: &str, value: &str) -> Self {
        Self::bad_request(format!(
            "Bad request, could not parse parameters: Cannot resolve {place} parameter ({name}) from value \"{value}\"."
        ))
    }

    /// No job has this id.
    pub(crate) fn job_not_found(id: JobId) -> Self {
        Self::not_found(format!("Job {id} not found"))
    }

    /// The job has no vertex with this id.
    pub(crate) fn vertex_not_found(id: VertexId) -> Self {
        Self::not_found(format!("JobVertex {id} not found"))
    }

    /// No TaskManager has this id. 500, as in Flink.
    pub(crate) fn task_manager_not_found(id: &TaskManagerId) -> Self {
        Self::internal(format!("No TaskExecutor registered under {id}."))
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorResponseBody")]
pub(crate) struct ErrorBody {
    errors: Vec<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(ErrorBody { errors: self.errors })).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
        }
        response
    }
}
