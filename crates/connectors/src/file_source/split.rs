use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::path::path_bytes;

/// A byte range of a file. Its records are those that begin in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSplit {
    #[serde(with = "path_bytes")]
    path: PathBuf,
    start: u64,
    end: u64,
    /// Set if a record begins at `start`, and the ones before it have been read.
    progress: Option<Vec<u8>>,
}

impl FileSplit {
    /// The bytes of a file from `start` to before `end`.
    pub fn new(path: impl Into<PathBuf>, start: u64, end: u64) -> Self {
        Self { path: path.into(), start, end, progress: None }
    }

    /// What is left of it when the records before byte `start` have been read. What else the format has to know to go on from
    /// there stands in `progress`.
    #[must_use]
    pub fn rest(&self, start: u64, progress: Vec<u8>) -> Self {
        Self { path: self.path.clone(), start, end: self.end, progress: Some(progress) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first byte.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Set if it is the [rest](Self::rest) of a split of which some records were read: then a record begins exactly at
    /// [`start`](Self::start), and this is what the format has noted.
    pub fn progress(&self) -> Option<&[u8]> {
        self.progress.as_deref()
    }

    /// The byte after the last one. In the last split of a file, its size when it was listed.
    pub fn end(&self) -> u64 {
        self.end
    }
}

/// Cuts a file into splits of `length` bytes.
pub(crate) fn cut(path: &Path, size: u64, length: u64) -> impl Iterator<Item = FileSplit> + '_ {
    (0..size.div_ceil(length))
        .map(move |part| FileSplit::new(path, part * length, ((part + 1) * length).min(size)))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn names_need_not_be_utf8() {
        let split = FileSplit::new(OsStr::from_bytes(b"\xff.txt"), 0, 1);
        for split in [split.rest(1, vec![7]), split] {
            let json = serde_json::to_string(&split).unwrap();
            assert_eq!(serde_json::from_str::<FileSplit>(&json).unwrap(), split);
        }
    }

    #[test]
    fn splits_cover_a_file() {
        let splits: Vec<_> = cut(Path::new("f"), 25, 10).map(|split| (split.start(), split.end())).collect();
        assert_eq!(splits, [(0, 10), (10, 20), (20, 25)]);
        assert_eq!(cut(Path::new("f"), 0, 10).count(), 0);
    }
}
