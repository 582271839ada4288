use std::{io, path::PathBuf, sync::Arc};

use flott_core::LeaderEpoch;

/// Why there is no high availability. Nothing of it passes by itself, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing, or can't be used.
    #[error("{key}: {problem}")]
    Config {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong; never with a secret.
        problem: String,
    },
    /// Another process uses the directory.
    #[error(
        "another JobManager{} uses {directory}: stop it, or give this one a high-availability.storageDir or a \
         high-availability.cluster-id of its own",
        .pid.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// Which directory.
        directory: String,
        /// Which process, if it says.
        pid: Option<String>,
    },
    /// Something can't be done with a file or directory.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The directory for this user is not this user's.
    #[error(
        "{} is no directory that belongs to this user alone ({problem}): remove it, or set high-availability.storageDir",
        .path.display()
    )]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The storage can't be used.
    #[error(transparent)]
    Storage(#[from] flott_storage::Error),
    /// This process is ending.
    #[error("the election has ended, as this process does")]
    Closed,
}

/// Why something was not stored or found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// This process leads no more. What was being written may be written or not: the next leader sees.
    #[error("this JobManager does not lead any more (it did in epoch {epoch})")]
    Lost {
        /// In which epoch it led.
        epoch: LeaderEpoch,
    },
    /// More than fits. Nothing was written.
    #[error("{what} is too large: {size}, at most {most} are allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        most: usize,
    },
    /// No name for a key or blob.
    #[error(
        "{name:?} is no name for a record or blob: expected parts of letters, digits, \".\", \"_\" and \"-\", joined by \"/\""
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The store does not accept it, and will not. Nothing was written.
    #[error("the store refuses to write: {reason}")]
    Refused {
        /// What it said.
        reason: Arc<str>,
    },
    /// A record is there, but can't be read just now.
    #[error("the record {key} can't be read at present: {reason}")]
    Unreadable {
        /// Its key.
        key: String,
        /// What the system or the storage said.
        reason: Arc<str>,
    },
    /// A blob can't be written, read or deleted.
    #[error(transparent)]
    Storage(#[from] flott_storage::Error),
}

impl StoreError {
    /// Whether a blob does not exist.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_missing())
    }

    /// Whether this process leads no more.
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}
