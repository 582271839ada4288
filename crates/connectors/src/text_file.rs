//! Lines of text files.

mod lines;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use flott_runtime::{Boundedness, BoxError, OperatorContext, ReadStatus, Source, SourceReader};
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
    path: PathBuf,
    /// First byte.
    start: u64,
    /// Byte after the last one.
    end: u64,
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
        Ok(_) => add_files(input, &mut files)?,
        Err(error) => {
            let pattern = input.to_string_lossy();
            if !pattern.contains(['*', '?', '[']) {
                return Err(io_error(input)(error));
            }
            let failed = |reason: String| Error::Pattern { pattern: pattern.to_string(), reason };
            for path in glob::glob(&pattern).map_err(|error| failed(error.to_string()))? {
                add_files(&path.map_err(|error| failed(error.to_string()))?, &mut files)?;
            }
            if files.is_empty() {
                return Err(failed("no file matches".to_owned()));
            }
        }
    }
    Ok(files)
}

fn add_files(path: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(io_error(path))?;
    if !metadata.is_dir() {
        files.push((path.to_owned(), metadata.len()));
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(io_error(path))? {
        let entry = entry.map_err(io_error(path))?;
        if !entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            add_files(&entry.path(), files)?;
        }
    }
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
