//! A log file that is bounded in size.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Appends to a file. Once it has grown beyond its limit it becomes `.1`, the former `.1` becomes `.2`, and so on; the
/// oldest goes away.
pub(crate) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    max_older: u32,
    file: File,
    written: u64,
}

impl RotatingFile {
    pub(crate) fn open(path: &Path, max_bytes: u64, max_older: u32) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = append_to(path)?;
        let written = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), max_bytes, max_older, file, written })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.max_older).rev() {
            match fs::rename(self.older(number), self.older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.max_older {
            0 => fs::remove_file(&self.path)?,
            _ => fs::rename(&self.path, self.older(1))?,
        }
        self.file = append_to(&self.path)?;
        Ok(())
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Write for RotatingFile {
    /// Writes one event, which is never torn between two files.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written + event.len() as u64 > self.max_bytes {
            // If that fails, a file that grows is better than no log; the next try is after as much again.
            let _ = self.rotate();
            self.written = 0;
        }
        self.file.write_all(event)?;
        self.written += event.len() as u64;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/daemon.log");
        let mut file = RotatingFile::open(&path, 20, 2).unwrap();
        for number in 0..7 {
            writeln!(file, "event {number}").unwrap();
        }
        let content = |name: &str| fs::read_to_string(dir.path().join("new").join(name)).unwrap();
        assert_eq!(content("daemon.log"), "event 6\n");
        assert_eq!(content("daemon.log.1"), "event 4\nevent 5\n");
        assert_eq!(content("daemon.log.2"), "event 2\nevent 3\n");
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 3);
    }

    #[test]
    fn a_restarted_daemon_goes_on_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.log");
        for event in ["first\n", "second\n"] {
            RotatingFile::open(&path, 100, 2).unwrap().write_all(event.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }
}
