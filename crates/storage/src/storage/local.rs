//! What the store for local files lacks: to write a large file bit by bit so that nothing is left of it if that fails, and to
//! delete what is no file: directories, and what killed processes have left.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;

/// A file that is being written beside its place, under a name that listings leave out. Removed if it is not published.
#[derive(Debug)]
pub(super) struct StagedFile {
    file: File,
    staged: PathBuf,
    path: PathBuf,
    published: bool,
}

impl StagedFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let parent = path.parent().ok_or(ErrorKind::IsADirectory)?;
        create_dirs(parent)?;
        let mut staged = path.as_os_str().to_owned();
        // Only digits behind the sign: such names are no files for the store.
        staged.push(format!("#{}", rand::random::<u64>()));
        let staged = PathBuf::from(staged);
        let file = OpenOptions::new().write(true).create_new(true).open(&staged)?;
        Ok(Self { file, staged, path: path.to_owned(), published: false })
    }

    pub(super) fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        // Segments may be small: one call for all of them.
        match chunks {
            [chunk] => self.file.write_all(chunk),
            _ => self.file.write_all(&chunks.concat()),
        }
    }

    /// Puts the file in its place, on disk when this returns.
    pub(super) fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.staged, &self.path)?;
        self.published = true;
        sync_dir(self.path.parent())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.published {
            // If even this fails there is nobody who could do more: the directory goes with the job.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

/// Makes a directory and those above it. New entries are on disk when this returns.
fn create_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dirs(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => sync_dir(path.parent()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync_dir(path: Option<&Path>) -> io::Result<()> {
    path.map_or(Ok(()), |path| File::open(path)?.sync_all())
}

/// Removes a directory with all that is in it, if it exists.
pub(super) fn remove_dir(path: PathBuf) -> impl FnOnce() -> io::Result<()> + Send + 'static {
    move || match fs::remove_dir_all(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && !path.exists() => Ok(()),
        result => result,
    }
}

/// Removes from a directory what was being written there so long ago, by [`StagedFile`] or by the store. Says how many files
/// there were.
pub(super) fn remove_staged(
    path: PathBuf,
    older_than: Duration,
) -> impl FnOnce() -> io::Result<u64> + Send + 'static {
    move || {
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let digits =
                name.to_str().and_then(|name| name.rsplit_once('#')).map_or("", |(_, digits)| digits);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            // One that is gone meanwhile was finished or given up.
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age >= older_than) && fs::remove_file(entry.path()).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}
