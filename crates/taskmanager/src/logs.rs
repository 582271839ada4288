//! The daemon's log files, for those who read them over the network.

use std::{
    io::SeekFrom,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use flott_core::logs::{FoundLines, LogQuery};
use flott_rpc::{FILE_CHUNK_BYTES, LogFile, LogSelector, ReadLog, pb::ReadLogResponse};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
    sync::mpsc,
};
use tonic::Status;

/// Most files that are listed.
const MAX_FILES: usize = 1000;

/// The files of one daemon: its log, what it and its task hosts printed, and the older ones of both. All lie in one
/// directory and begin with the same name; no others can be read.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    log_file: Option<PathBuf>,
}

impl Logs {
    /// The files beside `log_file`; none if the daemon logs to stdout.
    pub(crate) fn new(log_file: Option<PathBuf>) -> Self {
        Self { log_file }
    }

    /// Lists the files, by name.
    pub(crate) async fn list(&self) -> Result<Vec<LogFile>, Status> {
        let Some((dir, prefix)) = self.dir_and_prefix() else { return Ok(Vec::new()) };
        let unreadable = |error| Status::internal(format!("cannot list log files: {error}"));
        let mut entries = fs::read_dir(dir).await.map_err(unreadable)?;
        let mut files = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(metadata) = entry.metadata().await else { continue };
            if files.len() < MAX_FILES && metadata.is_file() && belongs(&name, &prefix) {
                let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let modified_unix_ms =
                    modified.and_then(|time| i64::try_from(time.as_millis()).ok()).unwrap_or_default();
                files.push(LogFile { name, size: metadata.len(), modified_unix_ms });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Finds events in the log; none if the daemon logs to stdout.
    pub(crate) async fn search(&self, query: LogQuery) -> Result<FoundLines, Status> {
        let Some(log_file) = self.log_file.clone() else { return Ok(FoundLines::default()) };
        let found = tokio::task::spawn_blocking(move || flott_logging::search(&log_file, &query)).await;
        let found = found.map_err(|error| Status::internal(format!("the search has crashed: {error}")))?;
        found.map_err(|error| Status::internal(format!("cannot read the log: {error}")))
    }

    /// Opens a file to be read from the wanted place on.
    pub(crate) async fn open(&self, wish: &ReadLog) -> Result<LogReader, Status> {
        let path = self.path_of(&wish.file).await?;
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Status::not_found("there is no such log file"),
            _ => Status::internal(format!("cannot read the log file: {error}")),
        };
        let mut file = File::open(path).await.map_err(missing)?;
        // What is written meanwhile is left for the next time, or reading might never end.
        let size = file.metadata().await.map_err(missing)?.len();
        let start = wish.offset.min(size);
        file.seek(SeekFrom::Start(start)).await.map_err(missing)?;
        let left = (size - start).min(wish.limit.unwrap_or(u64::MAX));
        Ok(LogReader { file, left })
    }

    async fn path_of(&self, file: &LogSelector) -> Result<PathBuf, Status> {
        let not_found = || Status::not_found("there is no such log file");
        let log_file = self.log_file.as_ref().ok_or_else(not_found)?;
        Ok(match file {
            LogSelector::Log => log_file.clone(),
            LogSelector::Stdout => log_file.with_extension("out"),
            LogSelector::Name(name) => {
                // Names are looked up among those listed, never made into paths.
                let listed = self.list().await?;
                let found = listed.into_iter().find(|file| file.name == *name).ok_or_else(not_found)?;
                log_file.with_file_name(found.name)
            }
        })
    }

    fn dir_and_prefix(&self) -> Option<(&Path, String)> {
        let file = self.log_file.as_ref()?;
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((dir, file.file_stem()?.to_str()?.to_owned()))
    }
}

/// Whether a file is of the daemon whose files begin with `prefix`: `prefix.log`, `prefix.out.3`, not `prefix2.log`.
fn belongs(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
}

/// A part of a log file.
pub(crate) struct LogReader {
    file: File,
    left: u64,
}

impl LogReader {
    /// Sends the part in pieces, until all is sent or nobody listens.
    pub(crate) async fn send(mut self, receiver: mpsc::Sender<Result<ReadLogResponse, Status>>) {
        while self.left > 0 {
            let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(FILE_CHUNK_BYTES);
            let mut chunk = vec![0; wanted];
            let piece = match self.file.read(&mut chunk).await {
                Ok(0) => return, // it was cut short meanwhile
                Ok(read) => {
                    chunk.truncate(read);
                    self.left -= read as u64;
                    Ok(ReadLogResponse { data: chunk.into() })
                }
                Err(error) => Err(Status::internal(format!("cannot read the log file: {error}"))),
            };
            let failed = piece.is_err();
            if receiver.send(piece).await.is_err() || failed {
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
mod tests {
    use tonic::Code;

    use super::*;

    fn logs() -> (tempfile::TempDir, Logs) {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("tm-0.log", "0123456789"),
            ("tm-0.log.1", "older"),
            ("tm-0.out", "printed"),
            ("tm-01.log", "another's"),
            ("secret", "x"),
        ] {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        let logs = Logs::new(Some(dir.path().join("tm-0.log")));
        (dir, logs)
    }

    async fn read(logs: &Logs, file: LogSelector, offset: u64, limit: Option<u64>) -> Result<String, Status> {
        let reader = logs.open(&ReadLog { file, offset, limit }).await?;
        let (sender, mut pieces) = mpsc::channel(1);
        tokio::spawn(reader.send(sender));
        let mut text = Vec::new();
        while let Some(piece) = pieces.recv().await {
            text.extend_from_slice(&piece?.data);
        }
        Ok(String::from_utf8(text).unwrap())
    }

    #[tokio::test]
    async fn own_files_are_listed_and_no_others() {
        let (_dir, logs) = logs();
        let names: Vec<_> =
            logs.list().await.unwrap().into_iter().map(|file| (file.name, file.size)).collect();
        let expected = [("tm-0.log", 10), ("tm-0.log.1", 5), ("tm-0.out", 7)];
        assert_eq!(names, expected.map(|(name, size)| (name.to_owned(), size)));
    }

    #[tokio::test]
    async fn parts_can_be_read() {
        let (_dir, logs) = logs();
        assert_eq!(read(&logs, LogSelector::Log, 0, None).await.unwrap(), "0123456789");
        assert_eq!(read(&logs, LogSelector::Log, 3, Some(4)).await.unwrap(), "3456");
        assert_eq!(read(&logs, LogSelector::Log, 99, None).await.unwrap(), "");
        assert_eq!(read(&logs, LogSelector::Stdout, 0, None).await.unwrap(), "printed");
        let older = LogSelector::Name("tm-0.log.1".to_owned());
        assert_eq!(read(&logs, older, 0, None).await.unwrap(), "older");
    }

    #[tokio::test]
    async fn names_lead_nowhere_else() {
        let (_dir, logs) = logs();
        for name in ["secret", "tm-01.log", "../tm-0.log", "/etc/passwd", "tm-0.log/../secret", ""] {
            let error = read(&logs, LogSelector::Name(name.to_owned()), 0, None).await.unwrap_err();
            assert_eq!(error.code(), Code::NotFound, "{name}");
        }
        assert!(Logs::new(None).list().await.unwrap().is_empty());
    }
}
