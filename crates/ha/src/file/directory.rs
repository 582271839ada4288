//! All files together. Everything here blocks.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tracing::info;

use super::{io_error, record};
use crate::{Error, Op};

const RECORDS: &str = "records";
const EPOCH: &str = "epoch.rec";
const JOURNAL: &str = "commit.rec";

/// The directory of one cluster.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

/// The key of a record, and what is in it, or why it can't be read just now.
pub(super) type Found = (String, Result<Bytes, Error>);

/// A change as it stands in the journal.
#[derive(Debug, Serialize, Deserialize)]
enum JournalOp {
    Put(String, ByteBuf),
    Delete(String),
    DeletePrefix(String),
}

impl Directory {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn records(&self) -> PathBuf {
        self.root.join(RECORDS)
    }

    /// Finishes what a process that died had begun, and deletes what it was writing.
    pub(super) fn recover(&self) -> Result<(), Error> {
        let records = self.records();
        record::create_dirs(&records)?;
        let mut found =
            vec![record::temporary(&self.root.join(EPOCH)), record::temporary(&self.root.join(JOURNAL))];
        walk(&records, "", &mut |key, path| {
            if record::is_temporary(&key) {
                found.push(path);
            }
        })?;
        found.iter().try_for_each(|path| record::delete(path))?;
        self.finish_commit()
    }

    /// Carries out the rest of a commit that was interrupted: by the end of its process, or by an error after which nobody
    /// tried again.
    fn finish_commit(&self) -> Result<(), Error> {
        let journal = self.root.join(JOURNAL);
        let Some(bytes) = record::read(&journal)? else { return Ok(()) };
        match postcard::from_bytes::<Vec<JournalOp>>(&bytes) {
            Ok(ops) => {
                info!(changes = ops.len(), "finishing a commit that was interrupted");
                ops.iter().try_for_each(|op| self.apply(op))?;
                record::delete(&journal)
            }
            Err(error) => {
                record::set_aside(&journal, &error);
                Ok(())
            }
        }
    }

    /// Stores a number above the last one, and at least this one, and returns it.
    pub(super) fn raise_epoch(&self, at_least: u64) -> Result<u64, Error> {
        let path = self.root.join(EPOCH);
        let stored = record::read(&path)?;
        let last = stored.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?)));
        let epoch = last.map_or(0, |last| last.saturating_add(1)).max(at_least);
        record::write(&path, &epoch.to_le_bytes())?;
        Ok(epoch)
    }

    /// All records whose keys begin so, by key. Those that are damaged are left out.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Found>, Error> {
        self.finish_commit()?;
        let read = |(key, path): (_, PathBuf)| Some((key, record::read(&path).transpose()?));
        Ok(self.keys(prefix)?.into_iter().filter_map(read).collect())
    }

    /// Carries out all of it, also if the process dies in between, or nothing.
    pub(super) fn commit(&self, ops: &[Op]) -> Result<(), Error> {
        self.finish_commit()?;
        let ops: Vec<JournalOp> = ops.iter().map(JournalOp::from).collect();
        if let [op @ (JournalOp::Put(..) | JournalOp::Delete(_))] = ops.as_slice() {
            return self.apply(op);
        }
        let journal = self.root.join(JOURNAL);
        let bytes = postcard::to_allocvec(&ops)
            .map_err(|error| io_error("encode", &journal)(io::Error::other(error)))?;
        record::write(&journal, &bytes)?;
        ops.iter().try_for_each(|op| self.apply(op))?;
        record::delete(&journal)
    }

    fn apply(&self, op: &JournalOp) -> Result<(), Error> {
        match op {
            JournalOp::Put(key, value) => record::write(&record::path_of(&self.records(), key), value),
            JournalOp::Delete(key) => self.delete(&record::path_of(&self.records(), key)),
            JournalOp::DeletePrefix(prefix) => {
                self.keys(prefix)?.iter().try_for_each(|(_, path)| self.delete(path))
            }
        }
    }

    /// Deletes a record, and the directories that are empty without it.
    fn delete(&self, path: &Path) -> Result<(), Error> {
        record::delete(path)?;
        let records = self.records();
        let above = path.ancestors().skip(1).take_while(|directory| **directory != records);
        for directory in above {
            // Fails as soon as there is something in it.
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The keys that begin so and their files, in order.
    fn keys(&self, prefix: &str) -> Result<Vec<(String, PathBuf)>, Error> {
        let mut keys = Vec::new();
        // Only where something may be found.
        let (directory, _) = prefix.rsplit_once('/').unwrap_or_default();
        walk(&self.records().join(directory), directory, &mut |key, path| {
            if let Some(key) = key.strip_suffix(record::EXTENSION)
                && key.starts_with(prefix)
            {
                keys.push((key.to_owned(), path));
            }
        })?;
        keys.sort();
        Ok(keys)
    }
}

impl From<&Op> for JournalOp {
    fn from(op: &Op) -> Self {
        match op {
            Op::Put { key, value } => Self::Put(key.clone(), ByteBuf::from(value.to_vec())),
            Op::Delete { key } => Self::Delete(key.clone()),
            Op::DeletePrefix { prefix } => Self::DeletePrefix(prefix.clone()),
        }
    }
}

/// Visits all files below a directory, each with its path below the first one.
fn walk(directory: &Path, below: &str, visit: &mut impl FnMut(String, PathBuf)) -> Result<(), Error> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io_error("list", directory))?,
    };
    for entry in entries {
        let entry = entry.map_err(io_error("list", directory))?;
        // No name of ours is anything else.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(io_error("inspect", entry.path()))?;
        if kind.is_dir() {
            walk(&entry.path(), &key, visit)?;
        } else if kind.is_file() {
            visit(key, entry.path());
        }
    }
    Ok(())
}
