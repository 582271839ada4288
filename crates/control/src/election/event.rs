use std::{fmt, sync::Arc, time::Duration};

/// The store's version number; rises with every change of anything in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease, as the store calls it. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// The leader key as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderKey {
    /// At which revision it was created: the leader's epoch.
    pub created: Revision,
    /// The lease that it hangs on, by which a leader knows its own.
    pub lease: LeaseId,
    /// What the leader says of itself.
    pub value: Arc<[u8]>,
}

/// The leader key at some revision; `None`: nobody leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The key.
    pub leader: Option<LeaderKey>,
    /// When.
    pub revision: Revision,
}

/// A call has not been answered as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It has had no effect and will have none.
    Refused,
    /// No answer, or one that does not tell: it may have been carried out, or will be.
    Unknown,
}

/// How creating the leader key ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was created, at this revision.
    Won(Revision),
    /// It exists already.
    Lost(Observation),
    /// The lease is gone.
    LeaseGone,
}

/// How the renewal of a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It lives for this long from when the request was sent.
    Lives(Duration),
    /// There is no such lease any more.
    Gone,
}

/// The answer to a call. The shell gives exactly one to each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Action::GrantLease`](super::Action::GrantLease): the lease, and its time.
    Granted(Result<(LeaseId, Duration), Failure>),
    /// To [`Action::CreateKey`](super::Action::CreateKey).
    Created(Result<Created, Failure>),
    /// To [`Action::ReadKey`](super::Action::ReadKey): the key as it was at some moment after the call began.
    Read(Result<Observation, Failure>),
    /// To [`Action::RenewLease`](super::Action::RenewLease).
    Renewed(Result<Renewed, Failure>),
    /// To [`Action::RevokeLease`](super::Action::RevokeLease): it is gone, or was.
    Revoked(Result<(), Failure>),
    /// To [`Action::WatchKey`](super::Action::WatchKey), for whatever reason.
    WatchEnded,
}

/// What happens to a candidate. `jitter` is drawn anew each time, evenly from 0 to 500 ms, so that several don't do the same
/// at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process has started.
    Started,
    /// It is to lead as soon as it can. Asked again after a leadership was lost.
    CampaignRequested {
        /// See above.
        jitter: Duration,
    },
    /// It is not to lead (any more).
    ResignRequested,
    /// A write on the condition of this epoch was refused, since the leader key is not of this epoch any more.
    WriteRefused {
        /// Which.
        epoch: Revision,
    },
    /// The watch has seen a change of the leader key.
    LeaderChanged {
        /// Of which watch.
        call: u64,
        /// The key now.
        observation: Observation,
        /// See above.
        jitter: Duration,
    },
    /// A call has ended.
    Answered {
        /// Which.
        call: u64,
        /// How.
        answer: Answer,
        /// See above.
        jitter: Duration,
    },
    /// The time that `next_wakeup` named has come, or any other.
    TimerFired,
}
