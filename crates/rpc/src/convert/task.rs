//! Subtasks: their ids, states, failures and splits.

use flott_control::protocol::{TaskReport, TaskState};
use flott_core::{
    AttemptNumber, FailureCause, FailureKind, SubtaskId,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::{
    field::{ensure, present, required},
    metrics::operator_metrics,
};
use crate::{
    Error, Problem,
    pb::{self, split_answer::Answer},
};

impl From<pb::Subtask> for (SubtaskId, AttemptNumber) {
    fn from(subtask: pb::Subtask) -> Self {
        (SubtaskId::new(subtask.vertex, subtask.subtask), AttemptNumber(subtask.attempt))
    }
}

impl From<(SubtaskId, AttemptNumber)> for pb::Subtask {
    fn from((subtask, attempt): (SubtaskId, AttemptNumber)) -> Self {
        Self { vertex: subtask.vertex.0, subtask: subtask.subtask.0, attempt: attempt.0 }
    }
}

impl TryFrom<pb::FailureCause> for FailureCause {
    type Error = Error;

    fn try_from(cause: pb::FailureCause) -> Result<Self, Error> {
        let kind = FailureKind::from_name(&cause.kind)
            .ok_or_else(|| Error::invalid("kind", Problem::UnknownValue(format!("{:?}", cause.kind))))?;
        Ok(Self {
            kind,
            message: cause.message,
            context: cause.context,
            operator: cause.operator,
            location: cause.location,
            stderr_tail: cause.stderr_tail,
        })
    }
}

impl From<FailureCause> for pb::FailureCause {
    fn from(cause: FailureCause) -> Self {
        Self {
            kind: cause.kind.as_str().to_owned(),
            message: cause.message,
            context: cause.context,
            operator: cause.operator,
            location: cause.location,
            stderr_tail: cause.stderr_tail,
        }
    }
}

impl TryFrom<pb::TaskStateUpdate> for TaskReport {
    type Error = Error;

    fn try_from(update: pb::TaskStateUpdate) -> Result<Self, Error> {
        let state = task_state(update.state, update.cause)?;
        let (subtask, attempt) = required(update.subtask, "subtask")?;
        let metrics = required(update.metrics, "metrics")?;
        Ok(Self { subtask, attempt, state, metrics, operators: operator_metrics(update.operators)? })
    }
}

impl From<TaskReport> for pb::TaskStateUpdate {
    fn from(report: TaskReport) -> Self {
        let TaskReport { subtask, attempt, state, metrics, operators } = report;
        let (state, cause) = state_and_cause(state);
        Self {
            subtask: Some((subtask, attempt).into()),
            state: state.into(),
            cause,
            metrics: Some(metrics.into()),
            operators: operators.iter().map(Into::into).collect(),
        }
    }
}

/// A state from its fields `state` and `cause`.
pub(super) fn task_state(state: i32, cause: Option<pb::FailureCause>) -> Result<TaskState, Error> {
    use pb::ExecutionState as S;
    Ok(match S::try_from(state) {
        Ok(S::Initializing) => TaskState::Initializing,
        Ok(S::Running) => TaskState::Running,
        Ok(S::Finished) => TaskState::Finished,
        Ok(S::Canceled) => TaskState::Canceled,
        Ok(S::Failed) => TaskState::Failed(required(cause, "cause")?),
        Ok(S::Unspecified) | Err(_) => {
            return Err(Error::invalid("state", Problem::UnknownValue(state.to_string())));
        }
    })
}

/// The fields `state` and `cause` of a state.
pub(super) fn state_and_cause(state: TaskState) -> (pb::ExecutionState, Option<pb::FailureCause>) {
    use pb::ExecutionState as S;
    match state {
        TaskState::Initializing => (S::Initializing, None),
        TaskState::Running => (S::Running, None),
        TaskState::Finished => (S::Finished, None),
        TaskState::Canceled => (S::Canceled, None),
        TaskState::Failed(cause) => (S::Failed, Some(cause.into())),
    }
}

impl TryFrom<pb::SplitAnswer> for SplitAnswer {
    type Error = Error;

    fn try_from(answer: pb::SplitAnswer) -> Result<Self, Error> {
        Ok(match present(answer.answer, "answer")? {
            Answer::Enumerate(enumerate) => Self::Enumerate { resume: enumerate.resume },
            Answer::Split(split) => Self::Split(split),
            Answer::NoMoreSplits(_) => Self::NoMoreSplits,
        })
    }
}

impl From<SplitAnswer> for pb::SplitAnswer {
    fn from(answer: SplitAnswer) -> Self {
        use pb::split_answer::{Enumerate, NoMoreSplits};
        Self {
            answer: Some(match answer {
                SplitAnswer::Enumerate { resume } => Answer::Enumerate(Enumerate { resume }),
                SplitAnswer::Split(split) => Answer::Split(split),
                SplitAnswer::NoMoreSplits => Answer::NoMoreSplits(NoMoreSplits {}),
            }),
        }
    }
}

impl TryFrom<pb::EnumeratedSplits> for EnumeratedSplits {
    type Error = Error;

    fn try_from(splits: pb::EnumeratedSplits) -> Result<Self, Error> {
        let result = match splits.error {
            Some(cause) => Err(required(Some(cause), "error")?),
            None => Ok(splits.splits),
        };
        ensure(splits.report_id > 0, "report_id", "above 0")?;
        Ok(Self { report_id: splits.report_id, result, complete: splits.complete })
    }
}

impl From<EnumeratedSplits> for pb::EnumeratedSplits {
    fn from(splits: EnumeratedSplits) -> Self {
        let EnumeratedSplits { report_id, result, complete } = splits;
        let (splits, error) = match result {
            Ok(splits) => (splits, None),
            Err(cause) => (Vec::new(), Some(cause.into())),
        };
        Self { splits, error, report_id, complete }
    }
}
