//! One process uses a directory at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

use super::io_error;
use crate::Error;

const LOCK: &str = "lock";
/// Longest pid that is believed.
const MAX_PID: usize = 10;

/// The lock of a directory, held by this process as long as this lives. The system gives it back when the process dies.
#[derive(Debug)]
pub(crate) struct Locked {
    _file: Flock<File>,
}

impl Locked {
    /// Locks a directory, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody else has; [`Error::Io`].
    pub(crate) fn acquire(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(io_error("create", directory))?;
        let path = directory.join(LOCK);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let mut text = String::new();
                let _ = Read::by_ref(&mut file).take(MAX_PID as u64).read_to_string(&mut text);
                let pid = text.trim().to_owned();
                let is_pid = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
                let directory = directory.display().to_string();
                return Err(Error::Locked { directory, pid: is_pid.then_some(pid) });
            }
            Err((_, errno)) => return Err(io_error("lock", &path)(errno.into())),
        };
        // For the error of the next one only; nothing hangs on it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Makes a directory that only this user can use, in a directory that all can write to, or checks that it is one.
pub(crate) fn prepare_own(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(io_error("create", path)(error));
        }
        _ => {}
    }
    // Not through a link: somebody else may have put it there first.
    let found = fs::symlink_metadata(path).map_err(io_error("inspect", path))?;
    let problem = if !found.is_dir() {
        "it is no directory"
    } else if found.uid() != nix::unistd::geteuid().as_raw() {
        "it belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "others have access to it"
    } else {
        return Ok(());
    };
    Err(Error::NotOurs { path: path.to_owned(), problem })
}
