//! Who leads.

use crate::ha::{Candidate, LeaderInfo, Problem};

/// Who leads, as one JobManager sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadershipView {
    /// Who leads, if it is known.
    pub leader: Option<LeaderInfo>,
    /// The JobManager that says so.
    pub own: OwnAddresses,
    /// Those that are there and do not lead, as far as is known.
    pub standbys: Vec<OwnAddresses>,
    /// What that may do.
    pub state: LeadershipState,
    /// What is wrong just now with what keeps the jobs, as it sees it.
    pub problems: Vec<ProblemView>,
}

/// Something that is wrong with what keeps the jobs. It is tried again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemView {
    /// What, such as `STORE_NOSPACE`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
}

impl ProblemView {
    pub(crate) fn of(problem: &Problem) -> Self {
        Self { kind: problem.kind.name(), text: problem.text.clone() }
    }
}

/// A JobManager, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddresses {
    /// Which process; another one with each start.
    pub instance_id: String,
    /// `host:port` of its gRPC server.
    pub rpc_address: String,
    /// `host:port` of its REST server; empty if it has none.
    pub rest_address: String,
}

impl From<Candidate> for OwnAddresses {
    fn from(Candidate { instance_id, rpc_address, rest_address }: Candidate) -> Self {
        Self { instance_id, rpc_address, rest_address }
    }
}

/// What a JobManager may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeadershipState {
    /// It leads.
    #[default]
    Leading,
    /// It has led, and whether it still does is not known: it changes nothing.
    Suspended,
    /// It does not lead.
    Standby,
}

impl LeadershipState {
    /// The name that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leading => "LEADING",
            Self::Suspended => "SUSPENDED",
            Self::Standby => "STANDBY",
        }
    }
}
