//! The private directory of one TaskManager process.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::Error;

const PREFIX: &str = "flott-taskmanager-";
const LOCK_FILE: &str = "lock";

/// A Unix socket's path may have at most this many bytes.
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// Name of the socket in its directory.
const SOCKET: &str = "task-hosts.sock";

/// Directory for artifacts, task hosts' working directories and their socket. Only this user may enter it, and it goes
/// away with its owner. One whose owner was killed is removed by the next TaskManager.
#[derive(Debug)]
pub(crate) struct WorkDir {
    dir: TempDir,
    /// Made only where the path of `dir` is too long for a socket.
    socket_dir: Option<TempDir>,
    /// Held as long as the owner lives.
    _lock: File,
}

impl WorkDir {
    /// Makes a directory in `parent`, which is made too if need be.
    pub(crate) fn create(parent: &Path) -> Result<Self, Error> {
        Self::create_in(parent).map_err(|source| Error::WorkDir { path: parent.to_owned(), source })
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent);
        let dir = private_dir(parent)?;
        // Nobody may see the lock file before it is locked.
        let new_lock = dir.path().join("lock.new");
        let lock = File::create(&new_lock)?;
        lock.lock()?;
        fs::rename(new_lock, dir.path().join(LOCK_FILE))?;
        let too_long = dir.path().join(SOCKET).as_os_str().len() > MAX_SOCKET_PATH_BYTES;
        let socket_dir = too_long.then(|| private_dir(&std::env::temp_dir())).transpose()?;
        Ok(Self { dir, socket_dir, _lock: lock })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where task hosts find their TaskManager.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket_dir.as_ref().unwrap_or(&self.dir).path().join(SOCKET)
    }
}

/// Makes a directory `name` in `dir` that only this user may enter.
pub(crate) fn make_private(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let path = dir.join(name);
    fs::DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

/// Makes a new directory in `parent` that only this user may enter.
pub(crate) fn private_dir(parent: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(PREFIX).permissions(fs::Permissions::from_mode(0o700)).tempdir_in(parent)
}

/// Removes the directories of TaskManagers that were killed. One that can't be removed is left alone: it does no harm
/// but take space.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // No lock file: perhaps somebody is just making the directory.
        let Ok(lock) = File::open(entry.path().join(LOCK_FILE)) else { continue };
        match lock.try_lock() {
            Ok(()) => {
                if let Err(error) = fs::remove_dir_all(entry.path()) {
                    tracing::warn!(path = %entry.path().display(), %error, "cannot remove an abandoned directory");
                }
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_directories_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let alive = WorkDir::create(parent.path()).unwrap();
        let dead = parent.path().join("flott-taskmanager-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK_FILE), "").unwrap();
        fs::write(parent.path().join("other"), "").unwrap();

        let next = WorkDir::create(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(parent.path().join("other").exists());
        assert!(alive.dir.path().exists() && next.dir.path().exists());
        let mode = fs::metadata(next.dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn sockets_have_short_paths_even_in_deep_directories() {
        let parent = tempfile::tempdir().unwrap();
        let deep = parent.path().join("a directory with a long name ".repeat(4));
        let dir = WorkDir::create(&deep).unwrap();
        assert!(dir.socket().as_os_str().len() <= MAX_SOCKET_PATH_BYTES);
        std::os::unix::net::UnixListener::bind(dir.socket()).unwrap();
    }
}
