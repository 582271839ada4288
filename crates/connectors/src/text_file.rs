//! Lines of text files.

mod lines;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use flott_runtime::{Boundedness, BoxError, OperatorContext, ReadStatus, Source, SourceReader};
use glob::MatchOptions;
use serde::{Deserialize, Serialize};

use crate::path;
use lines::SplitLines;

/// Splits per subtask, so that a slow subtask takes fewer.
const SPLITS_PER_SUBTASK: u64 = 8;
const MIN_SPLIT: u64 = 1 << 20;
const MAX_SPLIT: u64 = 64 << 20;

/// What keeps input from being read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {path}: {cause}")]
    Io { path: String, cause: io::Error },
    #[error("cannot read {path}: it is neither a file nor a directory")]
    NotAFile { path: String },
    #[error(
        "cannot read {path}: it leads back to a directory around it, so its files would be read for ever"
    )]
    Loop { path: String },
    #[error(
        "cannot read {path}: it became shorter while the job was reading it, there is nothing at byte {at}"
    )]
    CutOff { path: String, at: u64 },
    #[error("cannot read \"{pattern}\": {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("cannot read {path}: the line at byte {offset} is longer than {limit} bytes")]
    LineTooLong { path: String, offset: u64, limit: usize },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |cause| Error::Io { path: path.display().to_string(), cause }
}

/// Emits the lines of text files without their line ends (`\n` or `\r\n`). Bytes that are no UTF-8 become U+FFFD.
///
/// The input is a file, a directory (read with its subdirectories, but without names that begin with `.` or `_`) or a
/// glob pattern. Large files are read by several subtasks: a split is a range of bytes, and its lines are those that
/// begin in it.
#[derive(Clone, Debug)]
pub struct TextFileSource {
    input: String,
}

impl TextFileSource {
    /// Reads this file, directory or glob pattern.
    pub fn new(input: impl Into<String>) -> Self {
        Self { input: input.into() }
    }
}

/// A byte range of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFileSplit {
    #[serde(with = "path_bytes")]
    path: PathBuf,
    /// First byte.
    start: u64,
    /// Byte after the last one.
    end: u64,
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

/// Reads a [`TextFileSource`].
pub struct TextFileReader {
    lines: Option<SplitLines>,
    bytes: u64,
}

impl Source for TextFileSource {
    type Record = String;
    type Split = TextFileSplit;
    type Reader = TextFileReader;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn enumerate(&self, context: &OperatorContext) -> Result<Vec<TextFileSplit>, BoxError> {
        let mut files = list_files(&path::resolve(&self.input)?)?;
        files.sort();
        let total: u64 = files.iter().map(|(_, size)| size).sum();
        let parts = u64::from(context.task.parallelism) * SPLITS_PER_SUBTASK;
        let length = total.div_ceil(parts).clamp(MIN_SPLIT, MAX_SPLIT);
        Ok(files.iter().flat_map(|(path, size)| cut(path, *size, length)).collect())
    }

    fn reader(&self, _: &OperatorContext) -> Result<TextFileReader, BoxError> {
        Ok(TextFileReader { lines: None, bytes: 0 })
    }
}

/// The files behind a path or a pattern, with their sizes.
fn list_files(input: &Path) -> Result<Vec<(PathBuf, u64)>, Error> {
    let mut files = Vec::new();
    match fs::metadata(input) {
        Ok(_) => add_files(input, &mut Vec::new(), &mut files)?,
        Err(error) => {
            let pattern = input.to_string_lossy();
            if !pattern.contains(['*', '?', '[']) {
                return Err(io_error(input)(error));
            }
            let failed = |reason: String| Error::Pattern { pattern: pattern.to_string(), reason };
            // As in a shell, and so that no file is read that a sink still writes.
            let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
            let paths = glob::glob_with(&pattern, options).map_err(|error| failed(error.to_string()))?;
            for path in paths {
                let path = path.map_err(|error| failed(error.to_string()))?;
                add_files(&path, &mut Vec::new(), &mut files)?;
            }
            if files.is_empty() {
                return Err(failed("no file matches".to_owned()));
            }
        }
    }
    Ok(files)
}

/// Adds a file, or the files of a directory, which lies within those with the device and inode numbers `around`.
fn add_files(
    path: &Path,
    around: &mut Vec<(u64, u64)>,
    files: &mut Vec<(PathBuf, u64)>,
) -> Result<(), Error> {
    let name = || path.display().to_string();
    let metadata = fs::metadata(path).map_err(io_error(path))?;
    if metadata.is_file() {
        files.push((path.to_owned(), metadata.len()));
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(Error::NotAFile { path: name() });
    }
    let identity = (metadata.dev(), metadata.ino());
    if around.contains(&identity) {
        return Err(Error::Loop { path: name() });
    }
    around.push(identity);
    for entry in fs::read_dir(path).map_err(io_error(path))? {
        let entry = entry.map_err(io_error(path))?;
        if !entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            add_files(&entry.path(), around, files)?;
        }
    }
    around.pop();
    Ok(())
}

fn cut(path: &Path, size: u64, length: u64) -> impl Iterator<Item = TextFileSplit> + '_ {
    (0..size.div_ceil(length)).map(move |part| TextFileSplit {
        path: path.to_owned(),
        start: part * length,
        end: ((part + 1) * length).min(size),
    })
}

impl SourceReader for TextFileReader {
    type Record = String;
    type Split = TextFileSplit;

    fn start(&mut self, split: TextFileSplit) -> Result<(), BoxError> {
        self.lines = Some(SplitLines::open(split)?);
        Ok(())
    }

    fn read(&mut self, batch: &mut Vec<String>) -> Result<ReadStatus, BoxError> {
        let Some(lines) = &mut self.lines else { return Ok(ReadStatus::SplitEnded) };
        let (bytes, ended) = lines.read(batch)?;
        self.bytes += bytes;
        if ended {
            self.lines = None;
            return Ok(ReadStatus::SplitEnded);
        }
        Ok(ReadStatus::More)
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use tempfile::tempdir;

    use super::*;
    use crate::testing::operator;

    fn lines_of(input: &str) -> Result<Vec<String>, String> {
        let text = |error: BoxError| error.to_string();
        let (source, context) = (TextFileSource::new(input), operator());
        let mut reader = source.reader(&context).map_err(text)?;
        let mut lines = Vec::new();
        for split in source.enumerate(&context).map_err(text)? {
            reader.start(split).map_err(text)?;
            while reader.read(&mut lines).map_err(text)? == ReadStatus::More {}
        }
        Ok(lines)
    }

    #[test]
    fn directories_and_patterns_are_read_without_hidden_names() {
        let directory = tempdir().unwrap();
        let path = directory.path();
        fs::create_dir_all(path.join("sub/_temporary")).unwrap();
        for (name, line) in [("a", "a"), ("sub/b", "b"), (".c", "c"), ("sub/_temporary/d", "d")] {
            fs::write(path.join(name), line).unwrap();
        }
        assert_eq!(lines_of(path.to_str().unwrap()).unwrap(), ["a", "b"]);
        assert_eq!(lines_of(path.join("*").to_str().unwrap()).unwrap(), ["a", "b"]);
        assert_eq!(lines_of(path.join("[a-z]").to_str().unwrap()).unwrap(), ["a"]);
        let nothing = lines_of(path.join("x*").to_str().unwrap()).unwrap_err();
        assert!(nothing.contains("no file matches"), "{nothing}");
        let broken = lines_of(path.join("[").to_str().unwrap()).unwrap_err();
        assert!(broken.contains("cannot read"), "{broken}");
    }

    #[test]
    fn a_directory_that_contains_itself_is_refused() {
        let directory = tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        for link in ["sub/one", "sub/two"] {
            std::os::unix::fs::symlink(directory.path(), directory.path().join(link)).unwrap();
        }
        let error = lines_of(directory.path().to_str().unwrap()).unwrap_err();
        assert!(error.contains("leads back"), "{error}");
    }

    #[test]
    fn devices_and_the_like_are_refused() {
        assert!(lines_of("/dev/null").unwrap_err().contains("/dev/null: it is neither"));
    }

    #[test]
    fn names_need_not_be_utf8() {
        let directory = tempdir().unwrap();
        let path = directory.path().join(OsStr::from_bytes(b"\xff.txt"));
        let split = TextFileSplit { path, start: 0, end: 1 };
        let json = serde_json::to_string(&split).unwrap();
        assert_eq!(serde_json::from_str::<TextFileSplit>(&json).unwrap(), split);
    }

    #[test]
    fn a_file_that_shrinks_meanwhile_is_noticed() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "one\ntwo\n").unwrap();
        for start in [0, 6] {
            let mut reader = TextFileSource::new("").reader(&operator()).unwrap();
            let error = reader
                .start(TextFileSplit { path: path.clone(), start, end: 100 })
                .and_then(|()| {
                    while reader.read(&mut Vec::new())? == ReadStatus::More {}
                    Ok(())
                })
                .unwrap_err();
            assert!(error.to_string().contains("nothing at byte 8"), "{error}");
        }
    }
}
