use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use flott_runtime::{BoxError, CommitOutcome, Committer};

use super::{
    error::{Error, io_error},
    names::sync_directory,
    part::{PendingPart, make_directory},
};

/// Gives pending parts their names.
pub(super) struct FileCommitter {
    /// The sink's.
    directory: PathBuf,
    /// Where the sink's parts wait.
    staging: PathBuf,
    /// Directories of parts that are known to survive a crash of the machine.
    durable: BTreeSet<PathBuf>,
}

impl FileCommitter {
    pub(super) fn new(directory: PathBuf, staging: PathBuf) -> Self {
        Self { directory, staging, durable: BTreeSet::new() }
    }

    /// Makes names that were given survive a crash of the machine.
    fn sync(&mut self, directory: &Path) -> Result<(), Error> {
        sync_directory(directory)?;
        if self.durable.insert(directory.to_owned()) {
            // It may be new, and so may be those around it up to the sink's.
            let outer = directory.ancestors().skip(1).take_while(|outer| outer.starts_with(&self.directory));
            outer.chain(self.directory.parent()).try_for_each(sync_directory)?;
        }
        Ok(())
    }
}

impl Committer<PendingPart> for FileCommitter {
    fn commit(&mut self, parts: Vec<PendingPart>) -> Result<CommitOutcome<PendingPart>, BoxError> {
        parts.iter().try_for_each(commit)?;
        let directories: BTreeSet<_> = parts.iter().filter_map(|part| part.name.parent()).collect();
        directories.into_iter().try_for_each(|directory| self.sync(directory))?;
        // Parts of the job whose savepoint this one has begun with. Nobody needs the directory when it is empty.
        let others: BTreeSet<_> = parts.iter().filter_map(|part| part.hidden.parent()).collect();
        for other in others.into_iter().filter(|other| is_staging(other) && **other != self.staging) {
            let _ = fs::remove_dir(other);
        }
        Ok(CommitOutcome::Done)
    }

    fn retain(&mut self, parts: &[&PendingPart]) -> Result<(), BoxError> {
        for part in parts {
            match fs::hard_link(&part.hidden, retained(part)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // A file system without links: the part can still be committed, unless the job goes back behind it.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                    ) => {}
                linked => linked.map_err(io_error(&part.hidden))?,
            }
        }
        let directories: BTreeSet<_> = parts.iter().filter_map(|part| part.hidden.parent()).collect();
        directories.into_iter().try_for_each(sync_directory)?;
        Ok(())
    }
}

impl Drop for FileCommitter {
    fn drop(&mut self) {
        // Succeeds for the last subtask of a job that has committed everything.
        let _ = fs::remove_dir(&self.staging);
    }
}

/// Gives a part its name, unless it has it.
fn commit(part: &PendingPart) -> Result<(), Error> {
    let kept = retained(part);
    if let Some(length) = length(&part.hidden)? {
        expect_length(&part.hidden, length, part)?;
        give_name(part, &part.hidden)?;
    } else if let Some(length) = length(&part.name)? {
        // It was committed, by this attempt or by one before it.
        expect_length(&part.name, length, part)?;
    } else if let Some(length) = length(&kept)? {
        expect_length(&kept, length, part)?;
        give_name(part, &kept)?;
        return Ok(());
    } else {
        return Err(Error::Lost {
            name: part.name.display().to_string(),
            hidden: part.hidden.display().to_string(),
        });
    }
    match fs::remove_file(&kept) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(io_error(&kept)),
    }
}

fn give_name(part: &PendingPart, hidden: &Path) -> Result<(), Error> {
    if !part.replaces && length(&part.name)?.is_some() {
        return Err(Error::Exists {
            name: part.name.display().to_string(),
            hidden: hidden.display().to_string(),
        });
    }
    match fs::rename(hidden, &part.name) {
        // Somebody has removed the directory when it was empty.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            part.name.parent().map_or(Ok(()), make_directory)?;
            fs::rename(hidden, &part.name).map_err(io_error(&part.name))
        }
        renamed => renamed.map_err(io_error(&part.name)),
    }
}

/// The size of a file; `None` if there is none.
fn length(path: &Path) -> Result<Option<u64>, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

fn expect_length(path: &Path, length: u64, part: &PendingPart) -> Result<(), Error> {
    if length == part.length {
        return Ok(());
    }
    Err(Error::Changed { path: path.display().to_string(), length, expected: part.length })
}

/// Where a part stays that a savepoint contains, also if the job goes back behind it and removes the hidden one.
fn retained(part: &PendingPart) -> PathBuf {
    let mut path = OsString::from(&part.hidden);
    path.push(".savepoint");
    path.into()
}

fn is_staging(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".flott-"))
}
