//! One record in one file.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flott_storage::envelope::{self, FileKind};
use tracing::warn;

use super::io_error;
use crate::Error;

/// What the names of records end with. No part of a key does.
pub(super) const EXTENSION: &str = ".rec";
const TEMPORARY: &str = ".rec.tmp";
const CORRUPT: &str = ".rec.corrupt";

/// Whether a part of a key would be taken for a file of ours.
pub(crate) fn is_reserved(part: &str) -> bool {
    [EXTENSION, TEMPORARY, CORRUPT].iter().any(|extension| part.ends_with(extension))
}

/// Whether this is the name of a file that was being written when its process was killed.
pub(super) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// The name under which a record is being written.
pub(super) fn temporary(path: &Path) -> PathBuf {
    path.with_extension("rec.tmp")
}

/// Writes a record, which is on disk when this returns, or is not there at all.
pub(super) fn write(path: &Path, payload: &[u8]) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    create_dirs(parent)?;
    let temporary = temporary(path);
    let staged = stage(&temporary, &envelope::seal(FileKind::Record, payload));
    staged.map_err(io_error("write", &temporary)).inspect_err(|_| {
        // It takes space of which there may be too little.
        let _ = fs::remove_file(&temporary);
    })?;
    fs::rename(&temporary, path).map_err(io_error("rename", &temporary))?;
    sync_dir(parent)
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a record. `None`: there is none, or it is damaged and was set aside.
pub(super) fn read(path: &Path) -> Result<Option<Bytes>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    match envelope::open(FileKind::Record, &path.display(), &bytes) {
        Ok((_, payload)) => Ok(Some(payload)),
        // The program that wrote it can read it.
        Err(error @ flott_storage::Error::NewerFormat { .. }) => Err(error.into()),
        Err(error) => {
            set_aside(path, &error);
            Ok(None)
        }
    }
}

/// Deletes a record, if there is one, for good when this returns.
pub(super) fn delete(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("delete", path)(error)),
        Ok(()) => sync_dir(path.parent().unwrap_or(Path::new("/"))),
    }
}

/// Renames a record that nobody can read, so that somebody may look at it.
pub(super) fn set_aside(path: &Path, error: &dyn std::fmt::Display) {
    let name = |number: u32| match number {
        1 => path.with_extension("rec.corrupt"),
        number => path.with_extension(format!("{number}.rec.corrupt")),
    };
    // Bounded, since each is looked for; the last one is written over.
    let free = (1..100).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(100));
    match fs::rename(path, &free) {
        Ok(()) => warn!(%error, kept_as = %free.display(), "a record is damaged and was set aside"),
        Err(failure) => warn!(%error, %failure, "a record is damaged and can't even be set aside"),
    }
}

/// Makes a directory and those above it; new entries are on disk when this returns.
pub(super) fn create_dirs(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dirs(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io_error("create", path)(error)),
        _ => sync_dir(path.parent().unwrap_or(Path::new("/"))),
    }
}

pub(super) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(io_error("sync", path))
}

/// Where a key is in a directory.
pub(super) fn path_of(records: &Path, key: &str) -> PathBuf {
    let mut path = records.join(key).into_os_string();
    path.push(EXTENSION);
    path.into()
}
