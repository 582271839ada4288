use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A byte range of a file. Its records are those that begin in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSplit {
    #[serde(with = "path_bytes")]
    path: PathBuf,
    start: u64,
    end: u64,
}

impl FileSplit {
    /// The bytes of a file from `start` to before `end`.
    pub fn new(path: impl Into<PathBuf>, start: u64, end: u64) -> Self {
        Self { path: path.into(), start, end }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first byte.
    pub fn start(&self) -> u64 {
        self.start
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

/// Paths as their bytes: they need not be UTF-8.
mod path_bytes {
    use std::{
        ffi::OsString,
        os::unix::ffi::{OsStrExt, OsStringExt},
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| OsString::from_vec(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn names_need_not_be_utf8() {
        let split = FileSplit::new(OsStr::from_bytes(b"\xff.txt"), 0, 1);
        let json = serde_json::to_string(&split).unwrap();
        assert_eq!(serde_json::from_str::<FileSplit>(&json).unwrap(), split);
    }

    #[test]
    fn splits_cover_a_file() {
        let splits: Vec<_> = cut(Path::new("f"), 25, 10).map(|split| (split.start(), split.end())).collect();
        assert_eq!(splits, [(0, 10), (10, 20), (20, 25)]);
        assert_eq!(cut(Path::new("f"), 0, 10).count(), 0);
    }
}
