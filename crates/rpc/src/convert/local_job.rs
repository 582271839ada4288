//! What a TaskManager has of its jobs when it registers.

use flott_control::protocol::{LocalHost, LocalHostState, LocalJobReport, LocalTask, SplitLog, SplitMark};
use flott_core::{AttemptNumber, CheckpointId, deployment::EnumeratedSplits};

use super::{
    field::{each, ensure, id, optional, present, required, text},
    task::{state_and_cause, task_state},
};
use crate::{
    Error,
    pb::{self, local_host::State},
};

impl TryFrom<pb::LocalJobReport> for LocalJobReport {
    type Error = Error;

    fn try_from(report: pb::LocalJobReport) -> Result<Self, Error> {
        Ok(Self {
            job_id: id(&report.job_id, "job_id")?,
            host: optional(report.host, "host")?,
            tasks: each(report.tasks, "tasks")?,
            splits: each(report.splits, "splits")?,
            last_checkpoint: report.last_checkpoint.map(CheckpointId),
            next_sequence: report.next_sequence,
        })
    }
}

impl From<LocalJobReport> for pb::LocalJobReport {
    fn from(report: LocalJobReport) -> Self {
        Self {
            job_id: report.job_id.as_bytes().to_vec(),
            host: report.host.map(Into::into),
            tasks: report.tasks.into_iter().map(Into::into).collect(),
            splits: report.splits.into_iter().map(Into::into).collect(),
            last_checkpoint: report.last_checkpoint.map(|id| id.0),
            next_sequence: report.next_sequence,
        }
    }
}

impl TryFrom<pb::LocalHost> for LocalHost {
    type Error = Error;

    fn try_from(host: pb::LocalHost) -> Result<Self, Error> {
        let state = match present(host.state, "state")? {
            State::Starting(_) => LocalHostState::Starting,
            State::Ready(ready) => {
                LocalHostState::Ready { data_address: text(ready.data_address, "ready.data_address")? }
            }
            State::Stopping(_) => LocalHostState::Stopping,
            State::Ended(_) => LocalHostState::Ended,
        };
        Ok(Self { attempt: AttemptNumber(host.attempt), state })
    }
}

impl From<LocalHost> for pb::LocalHost {
    fn from(host: LocalHost) -> Self {
        use pb::local_host::{Ended, Ready, Starting, Stopping};
        let state = match host.state {
            LocalHostState::Starting => State::Starting(Starting {}),
            LocalHostState::Ready { data_address } => State::Ready(Ready { data_address }),
            LocalHostState::Stopping => State::Stopping(Stopping {}),
            LocalHostState::Ended => State::Ended(Ended {}),
        };
        Self { attempt: host.attempt.0, state: Some(state) }
    }
}

impl TryFrom<pb::LocalTask> for LocalTask {
    type Error = Error;

    fn try_from(task: pb::LocalTask) -> Result<Self, Error> {
        let (subtask, attempt) = required(task.subtask, "subtask")?;
        let cause = task.cause;
        Ok(Self {
            subtask,
            attempt,
            allocation_id: id(&task.allocation_id, "allocation_id")?,
            restored: task.restored.map(CheckpointId),
            state: task.state.map(|state| task_state(state, cause)).transpose()?,
            awaits_checkpoint: task.awaits_checkpoint,
            is_canceling: task.is_canceling,
            drained: task.drained.map(CheckpointId),
        })
    }
}

impl From<LocalTask> for pb::LocalTask {
    fn from(task: LocalTask) -> Self {
        let (state, cause) = task.state.map(state_and_cause).unzip();
        Self {
            subtask: Some((task.subtask, task.attempt).into()),
            allocation_id: task.allocation_id.as_bytes().to_vec(),
            restored: task.restored.map(|id| id.0),
            state: state.map(Into::into),
            cause: cause.flatten(),
            awaits_checkpoint: task.awaits_checkpoint,
            is_canceling: task.is_canceling,
            drained: task.drained.map(|id| id.0),
        }
    }
}

impl TryFrom<pb::SplitLog> for SplitLog {
    type Error = Error;

    fn try_from(log: pb::SplitLog) -> Result<Self, Error> {
        let (subtask, attempt) = required(log.subtask, "subtask")?;
        let mut answers = Vec::with_capacity(log.answers.len());
        for (index, answered) in log.answers.into_iter().enumerate() {
            let answer = required(answered.answer, "answer")
                .map_err(|error| error.within_element("answers", index))?;
            answers.push((answered.request_id, answer));
        }
        let reports: Vec<EnumeratedSplits> = each(log.reports, "reports")?;
        ensure(reports.iter().all(|report| report.result.is_ok()), "reports", "without errors")?;
        let marks = log.marks.into_iter().map(Into::into).collect();
        Ok(Self { subtask, attempt, answers, reports, marks, is_cut: log.is_cut })
    }
}

impl From<SplitLog> for pb::SplitLog {
    fn from(log: SplitLog) -> Self {
        let answered = |(request_id, answer)| pb::AnsweredSplit {
            request_id,
            answer: Some(pb::SplitAnswer::from(answer)),
        };
        Self {
            subtask: Some((log.subtask, log.attempt).into()),
            answers: log.answers.into_iter().map(answered).collect(),
            reports: log.reports.into_iter().map(Into::into).collect(),
            marks: log.marks.into_iter().map(Into::into).collect(),
            is_cut: log.is_cut,
        }
    }
}

impl From<pb::SplitMark> for SplitMark {
    fn from(mark: pb::SplitMark) -> Self {
        Self {
            checkpoint_id: CheckpointId(mark.checkpoint_id),
            last_answered: mark.last_answered,
            last_report: mark.last_report,
        }
    }
}

impl From<SplitMark> for pb::SplitMark {
    fn from(mark: SplitMark) -> Self {
        Self {
            checkpoint_id: mark.checkpoint_id.0,
            last_answered: mark.last_answered,
            last_report: mark.last_report,
        }
    }
}
