//! Reading and searching of log files.

use flott_core::{
    config::LogLevel,
    logs::{FoundLines, LogLine, LogQuery, MAX_LOG_LINES},
};

use super::field::{each, malformed, present, text};
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

impl TryFrom<pb::SearchLogRequest> for LogQuery {
    type Error = Error;

    fn try_from(request: pb::SearchLogRequest) -> Result<Self, Error> {
        let lines = usize::try_from(request.lines).unwrap_or(usize::MAX).min(MAX_LOG_LINES);
        let level = level(&request.level)?;
        Ok(Self { about: request.about, search: request.search, level, lines })
    }
}

impl From<LogQuery> for pb::SearchLogRequest {
    fn from(query: LogQuery) -> Self {
        Self {
            about: query.about,
            search: query.search,
            level: query.level.to_string(),
            lines: u32::try_from(query.lines).unwrap_or(u32::MAX),
        }
    }
}

impl TryFrom<pb::SearchLogResponse> for FoundLines {
    type Error = Error;

    fn try_from(response: pb::SearchLogResponse) -> Result<Self, Error> {
        Ok(Self { lines: each(response.lines, "lines")?, truncated: response.truncated })
    }
}

impl From<FoundLines> for pb::SearchLogResponse {
    fn from(found: FoundLines) -> Self {
        Self { lines: found.lines.into_iter().map(Into::into).collect(), truncated: found.truncated }
    }
}

impl TryFrom<pb::LogLine> for LogLine {
    type Error = Error;

    fn try_from(line: pb::LogLine) -> Result<Self, Error> {
        Ok(Self { unix_ms: line.time_unix_ms, level: level(&line.level)?, text: line.text })
    }
}

impl From<LogLine> for pb::LogLine {
    fn from(line: LogLine) -> Self {
        Self { time_unix_ms: line.unix_ms, level: line.level.to_string(), text: line.text }
    }
}

fn level(name: &str) -> Result<LogLevel, Error> {
    name.parse().map_err(|_| malformed("level", "ERROR, WARN, INFO, DEBUG or TRACE"))
}
