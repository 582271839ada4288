//! Operations that take their time: a trigger answers with an id, by which clients ask until there is a result. A failure
//! is a result too, with status 200.

use std::borrow::Cow;

use flott_core::TriggerId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::{
    error::ApiError,
    json::{Accepted, Json},
    params::PathParams,
    throwable::{Failure, SerializedThrowable},
};
use crate::OperationStatus;

/// Flink's `TriggerResponse`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TriggerResponse")]
pub(crate) struct Triggered {
    request_id: TriggerId,
}

/// 202 with the operation's id.
pub(crate) fn accepted(id: TriggerId) -> Accepted<Triggered> {
    Accepted(Triggered { request_id: id })
}

/// The operation's id.
pub(crate) fn triggered(id: TriggerId) -> Json<Triggered> {
    Json(Triggered { request_id: id })
}

/// How far an operation is: Flink's `AsynchronousOperationResult`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AsynchronousOperationResult_of_{T}")]
pub(crate) struct Operation<T> {
    status: QueueStatus,
    operation: Option<OperationResult<T>>,
}

/// Flink's `QueueStatus`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct QueueStatus {
    id: &'static str,
}

impl QueueStatus {
    /// It is under way.
    pub(crate) const IN_PROGRESS: Self = Self { id: "IN_PROGRESS" };
    /// It has ended, whichever way.
    pub(crate) const COMPLETED: Self = Self { id: "COMPLETED" };
}

enum OperationResult<T> {
    Done(T),
    Failed(SerializedThrowable),
    CheckpointFailed(SerializedThrowable),
}

impl<T: Serialize> Serialize for OperationResult<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Done(result) => result.serialize(serializer),
            Self::Failed(cause) => {
                Failure { failure_cause: cause, of_checkpoint: None }.serialize(serializer)
            }
            Self::CheckpointFailed(cause) => {
                Failure { failure_cause: cause, of_checkpoint: Some(cause) }.serialize(serializer)
            }
        }
    }
}

impl<T: JsonSchema> JsonSchema for OperationResult<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OperationResult_of_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (done, failed) =
            (generator.subschema_for::<T>(), generator.subschema_for::<SerializedThrowable>());
        json_schema!({ "anyOf": [
            {
                "type": "object",
                "properties": { "failure-cause": failed, "failureCause": failed },
                "required": ["failure-cause"],
            },
            done,
        ] })
    }
}

impl<T> Operation<T> {
    /// What clients are told of an operation whose result `done` puts into words.
    pub(crate) fn new<R>(status: OperationStatus<R>, done: impl FnOnce(R) -> T) -> Self {
        let (status, operation) = match status {
            OperationStatus::InProgress => (QueueStatus::IN_PROGRESS, None),
            OperationStatus::Completed(Ok(result)) => {
                (QueueStatus::COMPLETED, Some(OperationResult::Done(done(result))))
            }
            OperationStatus::Completed(Err(cause)) => {
                (QueueStatus::COMPLETED, Some(OperationResult::Failed(SerializedThrowable::of(&cause))))
            }
        };
        Self { status, operation }
    }

    /// The same of a checkpoint, in which Flink names a failure differently.
    pub(crate) fn of_checkpoint<R>(status: OperationStatus<R>, done: impl FnOnce(R) -> T) -> Self {
        let mut operation = Self::new(status, done);
        operation.operation = operation.operation.map(|result| match result {
            OperationResult::Failed(cause) => OperationResult::CheckpointFailed(cause),
            other => other,
        });
        operation
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
