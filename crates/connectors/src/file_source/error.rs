use std::{io, path::Path};

/// What keeps input from being read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {path}: {cause}")]
    Io { path: String, cause: io::Error },
    #[error("cannot read {path}: it is neither a file nor a directory")]
    NotAFile { path: String },
    #[error(
        "cannot read {path}: it leads back to a directory around it, so its files would be read for ever"
    )]
    Loop { path: String },
    #[error(
        "cannot read {path}: it became shorter while the job was reading it, there is nothing at byte {at}"
    )]
    CutOff { path: String, at: u64 },
    #[error("cannot read \"{pattern}\": {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("cannot read {path}: the line at byte {offset} is longer than {limit} bytes")]
    LineTooLong { path: String, offset: u64, limit: usize },
    #[error(
        "cannot read {path}: the record at byte {offset} is longer than {limit} bytes: is a closing quote missing?"
    )]
    RecordTooLong { path: String, offset: u64, limit: usize },
    #[error(
        "cannot go on reading {path} at byte {offset}: what the checkpoint says of it is damaged: {cause}"
    )]
    Progress { path: String, offset: u64, cause: postcard::Error },
    #[error("cannot go on looking for files in {input}: what the checkpoint says of it is damaged: {cause}")]
    Found { input: String, cause: postcard::Error },
    #[error("cannot look for new files in \"{input}\" all the time: give an interval of at least 1 ms")]
    Interval { input: String },
}

/// Names the file.
pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |cause| Error::Io { path: path.display().to_string(), cause }
}
