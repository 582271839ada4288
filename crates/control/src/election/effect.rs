use std::time::Duration;

use super::{Answer, Failure, LeaseId, Observation, Revision};

/// What a call asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A lease of the configured time.
    GrantLease,
    /// To create the leader key on this lease, if there is none.
    CreateKey {
        /// Which lease.
        lease: LeaseId,
    },
    /// The leader key as it is now, by the majority of the store's servers.
    ReadKey,
    /// To renew a lease.
    RenewLease {
        /// Which.
        lease: LeaseId,
    },
    /// To end a lease and with it the leader key that hangs on it.
    RevokeLease {
        /// Which.
        lease: LeaseId,
    },
    /// To tell each change of the leader key after this revision, until the watch fails. It is over without an answer as
    /// soon as another one is begun.
    WatchKey {
        /// After which.
        after: Revision,
    },
}

impl Action {
    /// What is said of it if there was no answer.
    pub const fn unanswered(&self) -> Answer {
        match self {
            Self::GrantLease => Answer::Granted(Err(Failure::Unknown)),
            Self::CreateKey { .. } => Answer::Created(Err(Failure::Unknown)),
            Self::ReadKey => Answer::Read(Err(Failure::Unknown)),
            Self::RenewLease { .. } => Answer::Renewed(Err(Failure::Unknown)),
            Self::RevokeLease { .. } => Answer::Revoked(Err(Failure::Unknown)),
            Self::WatchKey { .. } => Answer::WatchEnded,
        }
    }
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Call the store.
    Call {
        /// By which the answer names the call.
        call: u64,
        /// What to ask.
        action: Action,
        /// After this time without an answer the outcome is unknown. Of a watch: within which it must begin, and by which each
        /// question whether it still lives must be answered.
        limit: Duration,
    },
    /// Tell those who want to know who leads.
    Publish {
        /// What is known now.
        observation: Observation,
    },
    /// Begin to lead.
    Lead {
        /// In this epoch.
        epoch: Revision,
    },
    /// The store has not answered in time: nothing must be decided until `Resume` or `Demote`. What runs goes on.
    Suspend {
        /// Of this epoch.
        epoch: Revision,
    },
    /// The leadership was never lost: go on.
    Resume {
        /// In this epoch.
        epoch: Revision,
    },
    /// The leadership is lost, for good. It takes another `CampaignRequested` to lead again.
    Demote {
        /// Of this epoch.
        epoch: Revision,
    },
}
