//! Bodies of operations that take their time.

use flott_core::TriggerId;
use serde::{Deserialize, Deserializer};

use super::jobs::{FailureCause, QueueStatus, QueueStatusId};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Triggered {
    pub(crate) request_id: TriggerId,
}

/// How far an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationStatus<T> {
    /// It is under way.
    InProgress,
    /// It has its result.
    Done(T),
    /// It has failed.
    Failed(FailureCause),
}

impl<T> OperationStatus<T> {
    /// The same with the result made into another one.
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> OperationStatus<U> {
        match self {
            Self::InProgress => OperationStatus::InProgress,
            Self::Done(result) => OperationStatus::Done(map(result)),
            Self::Failed(cause) => OperationStatus::Failed(cause),
        }
    }
}

#[derive(Deserialize)]
struct Body<T> {
    status: QueueStatus,
    operation: Option<Operation<T>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Operation<T> {
    Failed {
        #[serde(rename = "failure-cause")]
        failure_cause: FailureCause,
    },
    Done(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OperationStatus<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Body::deserialize(deserializer)?;
        match (body.status.id, body.operation) {
            (QueueStatusId::InProgress, _) => Ok(Self::InProgress),
            (QueueStatusId::Completed, Some(Operation::Done(result))) => Ok(Self::Done(result)),
            (QueueStatusId::Completed, Some(Operation::Failed { failure_cause })) => {
                Ok(Self::Failed(failure_cause))
            }
            (QueueStatusId::Completed, None) => Err(serde::de::Error::missing_field("operation")),
        }
    }
}
