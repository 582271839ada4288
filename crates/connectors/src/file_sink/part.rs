//! A part's way from its first record to its name.
//!
//! ```text
//! InProgress → PendingPart → finished        (complete, then known by its name)
//!      ↓            ↓
//!   removed    stays hidden                  (the task has failed or was canceled)
//! ```
//! In a job that takes checkpoints a pending part is in those that are taken until it is finished, which it is when the first of
//! them is complete. In others it is finished at once.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flott_runtime::Timestamp;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde::{Deserialize, Serialize};

use super::{
    error::{Error, io_error},
    names::PartNames,
};
use crate::path::path_bytes;

/// Bytes that are written at a time.
const BUFFER: usize = 256 << 10;
/// Bytes after which the system is asked to bring to the disk what was written, so that little is left for the moment in
/// which the part is completed and everybody waits: at 200 MB/s and a checkpoint each 2 s, 10 ms instead of 150.
const WRITE_BACK: u64 = 8 << 20;

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
    part: PendingPart,
    /// Not written yet.
    pub(super) buffer: Vec<u8>,
    /// How far the file is on its way to the disk.
    on_its_way: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A part that is complete but not known by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPart {
    /// Where it is.
    #[serde(with = "path_bytes")]
    pub(super) hidden: PathBuf,
    /// Where it is to be.
    #[serde(with = "path_bytes")]
    pub(super) name: PathBuf,
    /// Its size in bytes.
    pub(super) length: u64,
    /// Whether an earlier attempt may have written a part of this name, which then gives way.
    pub(super) replaces: bool,
}

impl InProgress {
    /// Begins a part in `directory`.
    pub(super) fn create(
        directory: &Path,
        names: &PartNames,
        number: u64,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let part = names.part(directory, number);
        part.check_is_free()?;
        let mut created = File::create_new(&part.hidden);
        if created.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            // The first one, or whoever has completed the last one meanwhile has tidied up.
            names.make_staging()?;
            created = File::create_new(&part.hidden);
        }
        let file = created.map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => part.shared(),
            _ => io_error(&part.hidden)(cause),
        })?;
        Ok(Self { file: Some(file), part, buffer: Vec::new(), on_its_way: 0, created: now, updated: now })
    }

    /// Bytes of all its records.
    #[inline]
    pub(super) fn len(&self) -> u64 {
        self.part.length + self.buffer.len() as u64
    }

    /// Writes the buffer if it is full.
    #[inline]
    pub(super) fn write_if_full(&mut self) -> Result<(), Error> {
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer).map_err(io_error(&self.part.hidden))?;
            self.part.length += self.buffer.len() as u64;
            self.buffer.clear();
            let behind = self.part.length - self.on_its_way;
            if behind >= WRITE_BACK {
                // Nobody will read it soon, which makes Linux write it. If it does not, all is as before.
                let (offset, length) = (self.on_its_way as i64, behind as i64);
                let _ = posix_fadvise(&*file, offset, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
                self.on_its_way = self.part.length;
            }
        }
        Ok(())
    }

    /// Completes it. After a crash of the machine its bytes are still there.
    pub(super) fn close(mut self) -> Result<PendingPart, Error> {
        self.write()?;
        if let Some(file) = &self.file {
            file.sync_all().map_err(io_error(&self.part.hidden))?;
        }
        self.file = None;
        Ok(self.part.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The task has failed or was canceled: nobody will complete this part, and no checkpoint knows it.
            let _ = fs::remove_file(&self.part.hidden);
        }
    }
}

impl PendingPart {
    /// Gives it its name.
    pub(super) fn finish(&self) -> Result<(), Error> {
        self.check_is_free()?;
        fs::rename(&self.hidden, &self.name).map_err(io_error(&self.name))
    }

    fn check_is_free(&self) -> Result<(), Error> {
        if !self.replaces && self.name.exists() { Err(self.shared()) } else { Ok(()) }
    }

    fn shared(&self) -> Error {
        Error::Shared { path: self.name.display().to_string() }
    }
}
