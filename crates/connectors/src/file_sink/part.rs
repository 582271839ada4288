//! A part's way from its first record to its name.
//!
//! ```text
//! InProgress → Pending → finished        (complete, then known by its name)
//!      ↓          ↓
//!   removed    stays hidden              (the task has failed or was canceled)
//! ```
//! Today a pending part is finished at once. With checkpoints it will wait for the one that it belongs to, and be part of
//! the sink's state meanwhile: that is why it can be serialized.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flott_runtime::{TaskContext, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::{Error, io_error};

/// Bytes that are written at a time.
const BUFFER: usize = 256 << 10;

/// How a subtask names its parts.
#[derive(Clone, Debug)]
pub(super) struct PartNames {
    /// What the names of all parts of this sink begin with, whoever wrote them.
    any: String,
    /// What the names of this job's parts begin with.
    job: String,
    subtask: u32,
    attempt: u32,
    suffix: String,
}

impl PartNames {
    pub(super) fn new(prefix: &str, suffix: &str, task: &TaskContext) -> Result<Self, Error> {
        for (what, text) in [("the prefix", prefix), ("the suffix", suffix)] {
            let refused = |why| Err(Error::Name { what, text: text.to_owned(), why });
            if text.contains(['/', '\0']) {
                return refused("a name cannot contain \"/\" or null characters");
            }
            if what == "the prefix" && (text.is_empty() || text.starts_with(['.', '_'])) {
                return refused("names that begin with a dot or an underscore are hidden from readers");
            }
        }
        let job = task.job_id.to_string();
        Ok(Self {
            any: format!("{prefix}-"),
            job: format!("{prefix}-{}-", &job[..8]),
            subtask: task.subtask.0,
            attempt: task.attempt.0,
            suffix: suffix.to_owned(),
        })
    }

    fn is_foreign(&self, name: &str) -> bool {
        name.starts_with(&self.any) && !name.starts_with(&self.job)
    }

    /// Looks for parts that are not of this job.
    pub(super) fn check_directory(&self, directory: &Path) -> Result<(), Error> {
        for entry in fs::read_dir(directory).map_err(io_error(directory))? {
            let entry = entry.map_err(io_error(directory))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if self.is_foreign(&name) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let directory = directory.display().to_string();
                return Err(Error::Occupied { directory, file: name.into_owned() });
            }
        }
        Ok(())
    }
}

/// Makes a directory.
pub(super) fn make_directory(directory: &Path) -> Result<(), Error> {
    if directory.exists() && !directory.is_dir() {
        return Err(Error::NotADirectory { path: directory.display().to_string() });
    }
    fs::create_dir_all(directory).map_err(io_error(directory))
}

/// A part that records are written to. Removed when it is dropped.
#[derive(Debug)]
pub(super) struct InProgress {
    /// `None` once it is pending.
    file: Option<File>,
    names: Pending,
    /// Not written yet.
    pub(super) buffer: Vec<u8>,
    written: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A part that is complete but not known by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    hidden: PathBuf,
    name: PathBuf,
    /// Whether an earlier attempt may have written a part of this name, which then gives way.
    replaces: bool,
}

impl InProgress {
    pub(super) fn create(
        directory: &Path,
        names: &PartNames,
        number: u64,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let PartNames { job, subtask, attempt, suffix, .. } = names;
        let name = format!("{job}{subtask}-{number}{suffix}");
        let hidden = directory.join(format!(".{name}.inprogress-{attempt}"));
        let names = Pending { hidden, name: directory.join(name), replaces: *attempt > 0 };
        names.check_not_shared()?;
        let file = File::create_new(&names.hidden).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => names.shared(),
            _ => io_error(&names.hidden)(cause),
        })?;
        Ok(Self { file: Some(file), names, buffer: Vec::new(), written: 0, created: now, updated: now })
    }

    /// Bytes of all its records.
    #[inline]
    pub(super) fn len(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes the buffer if it is full.
    #[inline]
    pub(super) fn write_if_full(&mut self) -> Result<(), Error> {
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer).map_err(io_error(&self.names.hidden))?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Completes it. After a crash of the machine it is still there.
    pub(super) fn close(mut self) -> Result<Pending, Error> {
        self.write()?;
        if let Some(file) = &self.file {
            file.sync_all().map_err(io_error(&self.names.hidden))?;
        }
        self.file = None;
        Ok(self.names.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The task has failed or was canceled: nobody will complete this part.
            let _ = fs::remove_file(&self.names.hidden);
        }
    }
}

impl Pending {
    /// Gives it its name.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.check_not_shared()?;
        fs::rename(&self.hidden, &self.name).map_err(io_error(&self.name))
    }

    fn check_not_shared(&self) -> Result<(), Error> {
        if !self.replaces && self.name.exists() { Err(self.shared()) } else { Ok(()) }
    }

    fn shared(&self) -> Error {
        Error::Shared { path: self.name.display().to_string() }
    }
}
