//! Log files, ours and those that TaskManagers send.

use std::{
    io::{self, SeekFrom},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

use crate::{Error, view::LogFileView};

/// Which log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFile {
    /// The daemon's log.
    Log,
    /// What the daemon, and on a TaskManager its task hosts, wrote to stdout and stderr.
    Stdout,
    /// One of those listed, without a path.
    Named(String),
}

impl LogFile {
    fn describe(&self) -> String {
        match self {
            Self::Log => "of the logger".to_owned(),
            Self::Stdout => "of stdout".to_owned(),
            Self::Named(name) => format!("named \"{name}\""),
        }
    }

    /// The error for a file that is not there.
    pub(crate) fn not_found(&self) -> Error {
        Error::LogNotFound(self.describe())
    }
}

/// The content of a log file, in pieces.
pub struct LogStream(BoxStream<'static, io::Result<Bytes>>);

impl LogStream {
    pub(crate) fn new(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    /// The pieces in their order.
    pub fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        self.0
    }
}

/// The log files of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnLogs {
    /// The daemon's log file, if it logs to one.
    pub(crate) log: Option<PathBuf>,
    /// Where its stdout and stderr go, if to a file.
    pub(crate) stdout: Option<PathBuf>,
}

impl OwnLogs {
    /// Our own files in our log directory, with the older ones that were set aside: others may use the directory too.
    pub(crate) async fn list(&self) -> Result<Vec<LogFileView>, Error> {
        let Some((directory, prefix)) = self.directory_and_prefix() else {
            return Ok(Vec::new());
        };
        let failed = |source| Error::File { action: "list", path: directory.to_owned(), source };
        let mut entries = fs::read_dir(directory).await.map_err(failed)?;
        let mut files = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let ending = name.strip_prefix(prefix).unwrap_or_default();
            if ![".log", ".out"].iter().any(|own| ending.starts_with(own)) {
                continue;
            }
            // A file may be rotated away between its listing and this.
            let Ok(metadata) = entry.metadata().await else { continue };
            if !metadata.is_file() {
                continue;
            }
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            files.push(LogFileView {
                name,
                size: metadata.len(),
                modified_unix_ms: modified.map_or(0, |age| age.as_millis() as i64),
            });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    pub(crate) async fn read(
        &self,
        file: LogFile,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<LogStream, Error> {
        let path = match &file {
            LogFile::Log => self.log.clone(),
            LogFile::Stdout => self.stdout.clone(),
            // Only what is listed can be read, so no name leads out of the directory.
            LogFile::Named(name) => {
                let listed = self.list().await?.iter().any(|listed| listed.name == *name);
                let directory = self.directory_and_prefix().map(|(directory, _)| directory);
                directory.filter(|_| listed).map(|directory| directory.join(name))
            }
        };
        let path = path.ok_or_else(|| file.not_found())?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => file.not_found(),
            _ => Error::File { action: "read", path: path.clone(), source },
        };
        let mut content = File::open(&path).await.map_err(failed)?;
        content.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
        Ok(LogStream::new(ReaderStream::new(content.take(limit.unwrap_or(u64::MAX)))))
    }

    fn directory_and_prefix(&self) -> Option<(&Path, &str)> {
        let log = self.log.as_deref()?;
        Some((log.parent()?, log.file_stem()?.to_str()?))
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    async fn text(logs: &OwnLogs, file: LogFile, offset: u64, limit: Option<u64>) -> String {
        let pieces: Vec<Bytes> =
            logs.read(file, offset, limit).await.unwrap().into_stream().try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn own_files_are_listed_and_read_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("flott-me-standalonesession-0-host.log");
        std::fs::write(&log, "one two three").unwrap();
        std::fs::write(dir.path().join("flott-me-standalonesession-0-host.log.1"), "old").unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::fs::write(dir.path().join("flott-me-standalonesession-0-host.ready"), "x").unwrap();
        let logs = OwnLogs { log: Some(log), stdout: None };

        let names: Vec<String> = logs.list().await.unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(
            names,
            ["flott-me-standalonesession-0-host.log", "flott-me-standalonesession-0-host.log.1"]
        );
        assert_eq!(text(&logs, LogFile::Log, 4, Some(3)).await, "two");
        let old = LogFile::Named("flott-me-standalonesession-0-host.log.1".to_owned());
        assert_eq!(text(&logs, old, 0, None).await, "old");
        for name in ["secret", "../secret", "/etc/passwd", ""] {
            let refused = logs.read(LogFile::Named(name.to_owned()), 0, None).await;
            assert!(matches!(refused, Err(Error::LogNotFound(_))), "{name}");
        }
        assert!(matches!(logs.read(LogFile::Stdout, 0, None).await, Err(Error::LogNotFound(_))));
    }
}
