//! Reading of log files.

use super::field::{present, text};
use crate::{
    Error, LogFile, LogSelector, ReadLog,
    pb::{
        self,
        read_log_request::{Current, File},
    },
};

impl TryFrom<pb::ReadLogRequest> for ReadLog {
    type Error = Error;

    fn try_from(request: pb::ReadLogRequest) -> Result<Self, Error> {
        let file = match present(request.file, "file")? {
            File::Log(_) => LogSelector::Log,
            File::Stdout(_) => LogSelector::Stdout,
            File::Name(name) => LogSelector::Name(text(name, "name")?),
        };
        Ok(Self { file, offset: request.offset, limit: (request.limit > 0).then_some(request.limit) })
    }
}

impl From<ReadLog> for pb::ReadLogRequest {
    fn from(request: ReadLog) -> Self {
        let file = match request.file {
            LogSelector::Log => File::Log(Current {}),
            LogSelector::Stdout => File::Stdout(Current {}),
            LogSelector::Name(name) => File::Name(name),
        };
        Self { file: Some(file), offset: request.offset, limit: request.limit.unwrap_or(0) }
    }
}

impl From<pb::LogFile> for LogFile {
    fn from(file: pb::LogFile) -> Self {
        Self { name: file.name, size: file.size, modified_unix_ms: file.modified_unix_ms }
    }
}

impl From<LogFile> for pb::LogFile {
    fn from(file: LogFile) -> Self {
        Self { name: file.name, size: file.size, modified_unix_ms: file.modified_unix_ms }
    }
}
