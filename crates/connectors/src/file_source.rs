//! Files as a source, whatever is in them.

mod enumerator;
pub(crate) mod error;
mod listing;
pub(crate) mod split;

use std::{sync::Arc, time::Duration};

use flott_runtime::{
    Batch, Boundedness, BoxError, ReadStatus, RuntimeContext, Source, SourceReader, SplitEnumerator,
};

pub use split::FileSplit;

use crate::{
    format::{FileFormat, FormatReader, TextFormat},
    path,
};
use enumerator::FileEnumerator;
use error::Error;

/// Reads files of a [`FileFormat`].
///
/// The input is a file, a directory (read with its subdirectories, but without names that begin with `.` or `_`) or a
/// glob pattern. Large files are read by several subtasks if their format allows it.
///
/// With [`monitor`](Self::monitor) it goes on for ever and reads the files that appear. A file is known by its path, the
/// time of its last change and its size. One that changes is read again **as a whole**, so records that it had before
/// come again: let files appear complete, by writing them elsewhere or under a name that begins with `.` and then
/// renaming them. A file that disappears before it was read fails the job.
#[derive(Clone, Debug)]
pub struct FileSource<F> {
    input: String,
    format: Arc<F>,
    monitor: Option<Duration>,
}

/// Emits the lines of text files without their line ends (`\n` or `\r\n`). Bytes that are no UTF-8 become U+FFFD.
pub type TextFileSource = FileSource<TextFormat>;

impl TextFileSource {
    /// Reads the lines of this file, or of the files of this directory or glob pattern.
    pub fn new(input: impl Into<String>) -> Self {
        Self::for_format(input, TextFormat)
    }
}

impl<F: FileFormat> FileSource<F> {
    /// Reads this file, or the files of this directory or glob pattern, in this format.
    pub fn for_format(input: impl Into<String>, format: F) -> Self {
        Self { input: input.into(), format: Arc::new(format), monitor: None }
    }

    /// Looks for new files each `interval`, for ever, which makes the source unbounded.
    #[must_use]
    pub fn monitor(mut self, interval: Duration) -> Self {
        self.monitor = Some(interval);
        self
    }
}

/// Reads the splits of a [`FileSource`].
pub struct FileReader<F: FileFormat> {
    format: Arc<F>,
    context: RuntimeContext,
    reader: Option<F::Reader>,
    /// In the splits before.
    bytes: u64,
}

impl<F: FileFormat> Source for FileSource<F> {
    type Record = F::Record;
    type Split = FileSplit;
    type Reader = FileReader<F>;

    fn boundedness(&self) -> Boundedness {
        if self.monitor.is_some() { Boundedness::Unbounded } else { Boundedness::Bounded }
    }

    fn enumerator(
        &self,
        context: &RuntimeContext,
        resume: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<FileSplit>>, BoxError> {
        // Timers count milliseconds: less would be no pause at all.
        if self.monitor.is_some_and(|interval| interval < Duration::from_millis(1)) {
            return Err(Error::Interval { input: self.input.clone() }.into());
        }
        let input = path::resolve(&self.input)?;
        let found = enumerator::found_before(&input, resume.unwrap_or_default())?;
        Ok(Box::new(FileEnumerator {
            input,
            monitor: self.monitor,
            splittable: self.format.is_splittable(),
            parallelism: context.task.parallelism,
            found,
        }))
    }

    fn reader(&self, context: &RuntimeContext) -> Result<FileReader<F>, BoxError> {
        Ok(FileReader { format: self.format.clone(), context: context.clone(), reader: None, bytes: 0 })
    }
}

impl<F: FileFormat> SourceReader for FileReader<F> {
    type Record = F::Record;
    type Split = FileSplit;

    fn start(&mut self, split: FileSplit) -> Result<(), BoxError> {
        self.reader = Some(self.format.open(split, &self.context)?);
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<F::Record>) -> Result<ReadStatus, BoxError> {
        let Some(reader) = &mut self.reader else { return Ok(ReadStatus::SplitEnded) };
        let status = reader.read(batch)?;
        if status == ReadStatus::SplitEnded {
            self.bytes += reader.bytes_read();
            self.reader = None;
        }
        Ok(status)
    }

    fn snapshot(&mut self) -> Result<Option<FileSplit>, BoxError> {
        self.reader.as_mut().map(FormatReader::snapshot).transpose()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes + self.reader.as_ref().map_or(0, FormatReader::bytes_read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;
    use crate::testing::{operator, read_all};

    #[test]
    fn all_files_of_a_directory_are_read() {
        let directory = tempdir().unwrap();
        fs::write(directory.path().join("a"), "one\ntwo").unwrap();
        fs::write(directory.path().join("b"), "three\n").unwrap();
        let source = TextFileSource::new(directory.path().to_str().unwrap());
        assert_eq!(read_all(&source).unwrap(), ["one", "two", "three"]);
        assert_eq!(source.boundedness(), Boundedness::Bounded);
    }

    #[test]
    fn the_bytes_of_all_splits_are_counted() {
        let directory = tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(directory.path().join(name), "1\n22\n").unwrap();
        }
        let source = TextFileSource::new(directory.path().to_str().unwrap());
        let (splits, mut reader) = (
            source.enumerator(&operator(), None).unwrap().discover().unwrap().splits,
            source.reader(&operator()).unwrap(),
        );
        for split in splits {
            reader.start(split).unwrap();
            while reader.read(&mut Batch::new()).unwrap() == ReadStatus::More {}
        }
        assert_eq!(reader.bytes_read(), 10);
    }

    #[test]
    fn an_input_that_is_not_there_is_named() {
        for source in [
            TextFileSource::new("/no/such/file"),
            TextFileSource::new("/no/such/file").monitor(Duration::from_secs(1)),
        ] {
            let error = read_all(&source).unwrap_err();
            assert!(error.contains("/no/such/file"), "{error}");
        }
    }

    #[test]
    fn a_monitored_directory_never_ends() {
        let source = TextFileSource::new("/data").monitor(Duration::from_secs(1));
        assert_eq!(source.boundedness(), Boundedness::Unbounded);
    }

    #[test]
    fn an_interval_of_nothing_is_refused() {
        let source = TextFileSource::new("/data").monitor(Duration::ZERO);
        let error = source.enumerator(&operator(), None).err().unwrap();
        assert!(error.to_string().contains("at least 1 ms"), "{error}");
    }
}
