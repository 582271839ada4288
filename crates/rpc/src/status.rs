//! Statuses with a meaning of their own, written and read in one place.

use flott_core::LeaderEpoch;
use tonic::{Code, Status, metadata::MetadataValue};

const REASON: &str = "flott-reason";
const HIGHEST_EPOCH: &str = "flott-highest-epoch";
const STALE_LEADER: &str = "STALE_LEADER";
const UNKNOWN_REGISTRATION: &str = "UNKNOWN_REGISTRATION";
const UNKNOWN_JOB: &str = "UNKNOWN_JOB";

/// What the caller believed that is not so (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The receiver knows a newer leader.
    StaleLeader {
        /// The highest epoch that it has seen.
        highest: LeaderEpoch,
    },
    /// The receiver does not know the registration, yet or any more.
    UnknownRegistration,
    /// The receiver does not know the job, yet or any more.
    UnknownJob,
}

/// The answer to an order of a leader that is not the newest.
pub fn stale_leader(highest: LeaderEpoch) -> Status {
    let mut status = Status::failed_precondition(format!("a leader with epoch {highest} is known"));
    let metadata = status.metadata_mut();
    metadata.insert(REASON, MetadataValue::from_static(STALE_LEADER));
    metadata.insert(HIGHEST_EPOCH, MetadataValue::from(highest.0));
    status
}

/// The answer to a message for or from a registration that is not (any more) known.
pub fn unknown_registration() -> Status {
    with_reason(Status::failed_precondition("the registration is not known"), UNKNOWN_REGISTRATION)
}

/// The answer to a message about a job that is not (any more) known.
pub fn unknown_job() -> Status {
    with_reason(Status::not_found("the job is not known"), UNKNOWN_JOB)
}

fn with_reason(mut status: Status, reason: &'static str) -> Status {
    status.metadata_mut().insert(REASON, MetadataValue::from_static(reason));
    status
}

/// What a status says about the caller's beliefs, if it is one of those above.
pub fn precondition_of(status: &Status) -> Option<Precondition> {
    let text = |key| status.metadata().get(key)?.to_str().ok();
    match (status.code(), text(REASON)?) {
        (Code::FailedPrecondition, STALE_LEADER) => {
            let highest = LeaderEpoch(text(HIGHEST_EPOCH)?.parse().ok()?);
            Some(Precondition::StaleLeader { highest })
        }
        (Code::FailedPrecondition, UNKNOWN_REGISTRATION) => Some(Precondition::UnknownRegistration),
        (Code::NotFound, UNKNOWN_JOB) => Some(Precondition::UnknownJob),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_are_read_back() {
        let highest = LeaderEpoch(7);
        assert_eq!(precondition_of(&stale_leader(highest)), Some(Precondition::StaleLeader { highest }));
        assert_eq!(precondition_of(&unknown_registration()), Some(Precondition::UnknownRegistration));
        assert_eq!(precondition_of(&unknown_job()), Some(Precondition::UnknownJob));
        assert_eq!(stale_leader(highest).code(), Code::FailedPrecondition);
    }

    #[test]
    fn other_statuses_say_nothing() {
        assert_eq!(precondition_of(&Status::not_found("no such file")), None);
        assert_eq!(precondition_of(&Status::failed_precondition("because")), None);
    }
}
