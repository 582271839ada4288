//! A directory that vanishes with its process, at the latest when the next one starts.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::{NamedTempFile, TempDir};
use tracing::{info, warn};

/// How the names of our directories start.
const PREFIX: &str = "flott-web-";
/// Locked by the process that uses the directory. The lock ends with the process, however that ends.
const LOCK: &str = ".lock";

/// A directory of this process alone.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory {
    // Removed before the lock is given up.
    directory: TempDir,
    _lock: File,
}

impl TemporaryDirectory {
    /// Makes one in `root` and removes those of processes that were killed.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        sweep(root)?;
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
        // Locked before it has the name by which others look for it.
        let lock = NamedTempFile::new_in(directory.path())?;
        lock.as_file().try_lock()?;
        let lock = lock.persist(directory.path().join(LOCK))?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        // Another user's can't be opened, and one without a lock is just being made.
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            match fs::remove_dir_all(&path) {
                Ok(()) => info!(path = %path.display(), "removed what an earlier JobManager left behind"),
                Err(error) => {
                    warn!(path = %path.display(), %error, "an earlier JobManager's files stay behind");
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_killed_processes_are_removed_and_of_living_ones_not() {
        let root = tempfile::tempdir().unwrap();
        let killed = root.path().join("flott-web-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        let unfinished = root.path().join("flott-web-unfinished");
        fs::create_dir(&unfinished).unwrap();
        let others = root.path().join("others");
        fs::create_dir(&others).unwrap();
        fs::write(others.join(LOCK), "").unwrap();

        let living = TemporaryDirectory::new(root.path()).unwrap();
        assert!(!killed.exists());
        let second = TemporaryDirectory::new(root.path()).unwrap();
        assert!(living.path().exists() && unfinished.exists() && others.exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists() && second.path().exists());
    }
}
