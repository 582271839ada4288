//! Checkpoints: what is wanted, what subtasks hand in, and how it ended.

use flott_control::protocol::{CheckpointNotice, CheckpointOutcome, CheckpointReport};
use flott_core::CheckpointId;
use serde::{Serialize, de::DeserializeOwned};

use super::field::{present, required};
use crate::{
    Error, Problem,
    pb::{self, checkpoint_notice::Outcome as Notice, checkpoint_report::Outcome},
};

/// The postcard encoding of a value that travels in this form wherever it goes.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("numbers, texts and lists of them always have an encoding")
}

/// Reads what [`encode`] has written, of which nothing may be left over.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], field: &str) -> Result<T, Error> {
    let invalid = |problem: String| Error::invalid(field, Problem::InvalidEncoding(problem));
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(invalid(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(invalid(error.to_string())),
    }
}

impl TryFrom<pb::CheckpointReport> for CheckpointReport {
    type Error = Error;

    fn try_from(report: pb::CheckpointReport) -> Result<Self, Error> {
        let (subtask, attempt) = required(report.subtask, "subtask")?;
        let outcome = match present(report.outcome, "outcome")? {
            Outcome::Acknowledged(part) => CheckpointOutcome::Acknowledged {
                snapshot: decode(&part.snapshot, "acknowledged.snapshot")?,
                stats: decode(&part.stats, "acknowledged.stats")?,
            },
            Outcome::Declined(cause) => CheckpointOutcome::Declined(required(Some(cause), "declined")?),
        };
        Ok(Self { subtask, attempt, checkpoint_id: CheckpointId(report.checkpoint_id), outcome })
    }
}

impl From<CheckpointReport> for pb::CheckpointReport {
    fn from(report: CheckpointReport) -> Self {
        let outcome = match report.outcome {
            CheckpointOutcome::Acknowledged { snapshot, stats } => {
                Outcome::Acknowledged(pb::CheckpointAcknowledged {
                    snapshot: encode(&snapshot),
                    stats: encode(&stats),
                })
            }
            CheckpointOutcome::Declined(cause) => Outcome::Declined(cause.into()),
        };
        Self {
            subtask: Some((report.subtask, report.attempt).into()),
            checkpoint_id: report.checkpoint_id.0,
            outcome: Some(outcome),
        }
    }
}

impl TryFrom<pb::CheckpointNotice> for CheckpointNotice {
    type Error = Error;

    fn try_from(notice: pb::CheckpointNotice) -> Result<Self, Error> {
        Ok(match present(notice.outcome, "outcome")? {
            Notice::Completed(id) => Self::Completed(CheckpointId(id)),
            Notice::Aborted(id) => Self::Aborted(CheckpointId(id)),
        })
    }
}

impl From<CheckpointNotice> for pb::CheckpointNotice {
    fn from(notice: CheckpointNotice) -> Self {
        let outcome = match notice {
            CheckpointNotice::Completed(id) => Notice::Completed(id.0),
            CheckpointNotice::Aborted(id) => Notice::Aborted(id.0),
        };
        Self { outcome: Some(outcome) }
    }
}
