use std::{fmt, sync::Arc, time::Duration};

use crate::{StorageUri, UriError};

/// Result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with stored files. Cheap to clone, since one failure may end many things.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A text is not a URI that can be used.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// A setting can't be used.
    #[error("{key}: {problem}")]
    Option {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong; without the value, which may be secret.
        problem: String,
    },
    /// Reading or writing failed, also when tried again.
    #[error("cannot {operation} {uri}: {cause}{}", Tried(*attempts))]
    Failed {
        /// What was tried.
        operation: Operation,
        /// With which file or directory.
        uri: StorageUri,
        /// What kind of failure it was.
        kind: FailureKind,
        /// What the system or the server said.
        cause: Arc<str>,
        /// How often it was tried.
        attempts: u32,
    },
    /// A file is not what it should be: truncated, changed, or something else altogether.
    #[error("{file} is damaged at byte {offset}: {problem}")]
    Damaged {
        /// The file.
        file: Arc<str>,
        /// Where the problem was found.
        offset: u64,
        /// What was found, and what should be there.
        problem: Arc<str>,
    },
    /// A file was written by a later version of this software.
    #[error(
        "{file} has format version {found}, but this version of Flott reads only up to {supported}: use a newer one"
    )]
    NewerFormat {
        /// The file.
        file: Arc<str>,
        /// Its version.
        found: u32,
        /// The highest that can be read.
        supported: u32,
    },
    /// There is no snapshot where one was looked for.
    #[error("there is no checkpoint or savepoint at {uri}: {found}")]
    NoSnapshot {
        /// Where it was looked for.
        uri: StorageUri,
        /// What was looked for, and what is there instead.
        found: String,
    },
    /// What is to be stored is larger than the format allows.
    #[error("{what} is too large: {size}, at most {most} are allowed")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The largest.
        most: u64,
    },
    /// More was handed in than can be held while the storage is slow; an error of the caller, who did not ask.
    #[error("{queued} bytes are waiting to be written to {directory}: the writer is full")]
    WriterFull {
        /// Where they are to be written.
        directory: StorageUri,
        /// How many.
        queued: u64,
    },
    /// The task that reads or writes in the background is gone, mostly because its runtime was shut down.
    #[error("the transfer of {uri} was cut off: its runtime has ended")]
    Interrupted {
        /// What was being read or written.
        uri: StorageUri,
    },
}

/// What was tried with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading it.
    Read,
    /// Writing it, over whatever there was.
    Write,
    /// Writing it where nothing may be yet.
    Create,
    /// Deleting it.
    Delete,
    /// Listing a directory.
    List,
    /// Asking whether it exists, and for its size.
    Inspect,
}

/// Kinds of failures, as far as they need different answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// There is no such file.
    Missing,
    /// There is such a file already, with another content.
    Exists,
    /// Credentials or permissions do not allow it.
    Denied,
    /// There is no space left.
    Full,
    /// The storage can't be reached, is overloaded or faulty: it may work later.
    Unavailable,
    /// There was no answer in time. What was to be written may be written, now or later.
    Unknown,
    /// The server cannot do it at all.
    Unsupported,
    /// Anything else: trying again won't help.
    Permanent,
}

impl FailureKind {
    /// Whether trying again may help without anybody doing something.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unknown)
    }
}

impl Error {
    /// What kind of failure of the storage it is; `None` if it is none.
    pub const fn failure(&self) -> Option<FailureKind> {
        match self {
            Self::Failed { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// Whether what was to be read does not exist.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Failed { kind: FailureKind::Missing, .. } | Self::NoSnapshot { .. })
    }

    /// Whether there is no space left.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Failed { kind: FailureKind::Full, .. })
    }

    /// Whether trying again later may help without anybody doing something.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Failed { kind, .. } => kind.is_transient(),
            Self::Interrupted { .. } => true,
            _ => false,
        }
    }

    /// Whether the storage is the cause, not the program or its data: a restart would need the same storage.
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Interrupted { .. })
    }

    pub(crate) fn damaged(file: impl fmt::Display, offset: u64, problem: impl fmt::Display) -> Self {
        Self::Damaged { file: file.to_string().into(), offset, problem: problem.to_string().into() }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Inspect => "look up",
        })
    }
}

struct Tried(u32);

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 1 { write!(f, " (tried {} times)", self.0) } else { Ok(()) }
    }
}

/// How one attempt failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) cause: Arc<str>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, cause: impl Into<Arc<str>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    pub(crate) fn timed_out(after: Duration) -> Self {
        Self::new(FailureKind::Unknown, format!("no answer within {after:?}"))
    }

    pub(crate) fn at(self, operation: Operation, uri: &StorageUri, attempts: u32) -> Error {
        Error::Failed { operation, uri: uri.clone(), kind: self.kind, cause: self.cause, attempts }
    }
}
