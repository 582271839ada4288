use std::io;

/// What keeps a socket from being used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot connect to {address}{retried}: {cause}; start the server first, or allow more retries")]
    Connect { address: String, retried: String, cause: io::Error },
    #[error("cannot read from {address}{retried}: {cause}")]
    Read { address: String, retried: String, cause: io::Error },
    #[error("cannot write to {address}{retried}: {cause}")]
    Write { address: String, retried: String, cause: io::Error },
    #[error(
        "cannot read from {address}: a record is longer than {limit} bytes: is \"{delimiter}\" what ends records there?"
    )]
    RecordTooLong { address: String, limit: usize, delimiter: String },
    #[error("cannot read from {address}: the delimiter is empty, so nothing says where a record ends")]
    NoDelimiter { address: String },
    #[error("cannot read from {address}: no thread can be started: {cause}")]
    Thread { address: String, cause: io::Error },
    #[error("the task was canceled before all was written to {address}")]
    Canceled { address: String },
}
