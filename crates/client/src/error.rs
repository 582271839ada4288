//! What can go wrong between a client and a JobManager.

use std::{io, path::PathBuf, time::Duration};

use crate::RetryAdvice;

/// Where the fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was asked.
    User,
    /// The network, the server, or a file.
    External,
}

/// Why a call failed. The texts are meant for people at a terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address is of no use.
    #[error("cannot use \"{address}\" as the JobManager's address: {reason}; expected host:port")]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection.
    #[error(
        "cannot connect to the JobManager at {address}; \
         start a cluster with bin/start-cluster.sh, or name a running one with -m host:port"
    )]
    Unreachable {
        /// Where it was expected.
        address: String,
        /// What the network says.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error(
        "the JobManager at {address} did not answer {call} within {} s; \
         raise client.timeout if it is only slow",
        .timeout.as_secs_f64()
    )]
    Timeout {
        /// The server.
        address: String,
        /// Method and path.
        call: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The connection broke after it had been made.
    #[error("lost the connection to the JobManager at {address} during {call}")]
    Broken {
        /// The server.
        address: String,
        /// Method and path.
        call: String,
        /// What the network says.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{}", refusal(.status, .errors))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's reasons, the main one first; empty if it gave none.
        errors: Vec<String>,
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
    },
    /// None of several servers leads, or knows who does.
    #[error(
        "found no JobManager that leads within {} s, asked were {}; \
         start a cluster with bin/start-cluster.sh, or name the JobManagers of a running one with -m host:port,host:port",
        .waited.as_secs_f64(), outcomes(.failures)
    )]
    NoLeader {
        /// How long was waited.
        waited: Duration,
        /// The addresses that were asked, with what came of it at last.
        failures: Vec<(String, Error)>,
    },
    /// The answer is not of the expected form.
    #[error(
        "the answer to {call} is not what a JobManager sends (it starts with \"{start}\"); \
         check that a Flott JobManager of this release listens at {address}"
    )]
    UnexpectedBody {
        /// The server.
        address: String,
        /// Method and path.
        call: String,
        /// The first characters of the answer.
        start: String,
        /// What is missing or wrong in it.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is too long to be kept.
    #[error("the answer to {call} is longer than {limit_bytes} bytes")]
    TooLong {
        /// Method and path.
        call: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// A file to be uploaded cannot be read.
    #[error("cannot read {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Where the fault lies.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::File { .. } => ErrorKind::User,
            Self::Refused { status, .. } if (400..500).contains(status) => ErrorKind::User,
            _ => ErrorKind::External,
        }
    }

    /// Whether the same call might succeed later. That it may be repeated without harm is for the caller to know.
    pub fn retry(&self) -> RetryAdvice {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::NoLeader { .. } => {
                RetryAdvice::WithBackoff
            }
            // 502 and 504 come from one that stands between us and the server.
            Self::Refused { status: 502..=504, .. } => RetryAdvice::WithBackoff,
            _ => RetryAdvice::Never,
        }
    }

    /// Whether the server surely did nothing, so that any call may be repeated.
    pub(crate) fn is_before_arrival(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { status: 503, .. })
    }

    /// Whether a server says that nobody leads now, but that somebody soon will.
    pub(crate) fn is_election(&self) -> bool {
        matches!(self, Self::Refused { status: 503, retry_after: Some(_), .. })
    }

    /// Whether the server does not know what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

fn refusal(status: &u16, errors: &[String]) -> String {
    if errors.is_empty() {
        format!("the JobManager refused with HTTP status {status} and gave no reason")
    } else {
        errors.join("\n")
    }
}

/// Several servers with what came of asking them, in one line.
fn outcomes(failures: &[(String, Error)]) -> String {
    let outcome = |(address, error): &(String, Error)| match error {
        Error::Unreachable { .. } => format!("{address} (cannot connect)"),
        Error::Timeout { timeout, .. } => format!("{address} (no answer within {} s)", timeout.as_secs_f64()),
        Error::Broken { .. } => format!("{address} (the connection broke)"),
        error => format!("{address} ({})", error.to_string().replace('\n', " ")),
    };
    failures.iter().map(outcome).collect::<Vec<_>>().join(", ")
}
