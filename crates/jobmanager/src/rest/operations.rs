//! Operations that take their time: a trigger answers with an id, by which clients ask until there is a result. A failure
//! is a result too, with status 200.

use axum::http::StatusCode;
use flott_core::TriggerId;
use serde::{Serialize, Serializer};

use super::{
    error::ApiError,
    json::Json,
    params::PathParams,
    throwable::{Failure, SerializedThrowable},
};
use crate::OperationStatus;

/// Flink's `TriggerResponse`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Triggered {
    request_id: TriggerId,
}

/// The answer to a trigger that was accepted.
pub(crate) type Accepted = (StatusCode, Json<Triggered>);

/// 202 with the operation's id.
pub(crate) fn accepted(id: TriggerId) -> Accepted {
    (StatusCode::ACCEPTED, triggered(id))
}

/// The operation's id.
pub(crate) fn triggered(id: TriggerId) -> Json<Triggered> {
    Json(Triggered { request_id: id })
}

/// How far an operation is: Flink's `AsynchronousOperationResult`.
#[derive(Serialize)]
pub(crate) struct Operation<T> {
    status: QueueStatus,
    operation: Option<OperationResult<T>>,
}

#[derive(Serialize)]
struct QueueStatus {
    id: &'static str,
}

enum OperationResult<T> {
    Done(T),
    Failed(SerializedThrowable),
}

impl<T: Serialize> Serialize for OperationResult<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Done(result) => result.serialize(serializer),
            Self::Failed(cause) => Failure { failure_cause: cause }.serialize(serializer),
        }
    }
}

impl<T> Operation<T> {
    /// What clients are told of an operation whose result `done` puts into words.
    pub(crate) fn new<R>(status: OperationStatus<R>, done: impl FnOnce(R) -> T) -> Self {
        let (id, operation) = match status {
            OperationStatus::InProgress => ("IN_PROGRESS", None),
            OperationStatus::Completed(Ok(result)) => {
                ("COMPLETED", Some(OperationResult::Done(done(result))))
            }
            OperationStatus::Completed(Err(cause)) => {
                ("COMPLETED", Some(OperationResult::Failed(SerializedThrowable::of(&cause))))
            }
        };
        Self { status: QueueStatus { id }, operation }
    }
}

/// The operation that the path names.
///
/// # Errors
/// 400 for a malformed id.
pub(crate) fn trigger_id(params: &PathParams) -> Result<TriggerId, ApiError> {
    params.parse("triggerid")
}

/// There is no such operation, or it ended long ago. `what`: what it would be, such as `savepoint operation`; `of`: on what,
/// if that is known.
pub(crate) fn unknown(what: &str, id: TriggerId, of: Option<flott_core::JobId>) -> ApiError {
    let of = of.map(|job| format!(" for job {job}")).unwrap_or_default();
    ApiError::not_found(format!("There is no {what} with triggerId={id}{of}."))
}
