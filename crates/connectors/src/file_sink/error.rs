use std::{io, path::Path};

use flott_runtime::Timestamp;

/// What keeps output from being written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot write to {path}: {cause}")]
    Io { path: String, cause: io::Error },
    #[error("cannot write to {path}: it is a file, but a directory is needed")]
    NotADirectory { path: String },
    #[error(
        "cannot write {path}: another sink of this job writes to the same directory: give each a directory of its own"
    )]
    Shared { path: String },
    #[error(
        "cannot write to {directory}: it holds \"{file}\" of another run: remove it or choose another directory"
    )]
    Occupied { directory: String, file: String },
    #[error(
        "cannot complete {name}: neither it nor what is to become it, {hidden}, is there: has somebody removed it?"
    )]
    Lost { name: String, hidden: String },
    #[error("cannot complete {name}: there is a file of that name, and {hidden} is still there, too")]
    Exists { name: String, hidden: String },
    #[error(
        "cannot complete a part: {path} has {length} bytes, but was written with {expected}: has somebody changed it?"
    )]
    Changed { path: String, length: u64, expected: u64 },
    #[error("cannot write parts with {what} \"{text}\": {why}")]
    Name { what: &'static str, text: String, why: &'static str },
    #[error("cannot write to bucket \"{id}\": {why}")]
    Bucket { id: String, why: &'static str },
    #[error("cannot complete parts {what}: give a positive value, or none")]
    Rolling { what: &'static str },
    #[error(
        "cannot find the bucket of a record by its event time: it has no timestamp; assign timestamps before the sink"
    )]
    NoTimestamp,
    #[error("cannot name the bucket of the time {} ms as \"{format}\": {cause}", time.as_millis())]
    Time { time: Timestamp, format: String, cause: jiff::Error },
    #[error("cannot name buckets by the time zone \"{zone}\": {cause}")]
    Zone { zone: String, cause: jiff::Error },
}

/// Names the file or directory.
pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |cause| Error::Io { path: path.display().to_string(), cause }
}
