//! Records that can't be read.

use std::fmt;

use flott_runtime::{BATCH_RECORDS, Batch, BoxError, ReadStatus, Record, RuntimeContext, metrics::Counter};
use serde::{Deserialize, Serialize};

use super::{FileFormat, FormatReader};
use crate::FileSplit;

/// Bytes after which a batch is handed on, even if it has few records.
const BATCH_BYTES: u64 = 256 << 10;
/// The metric that counts records that were left out.
const SKIPPED: &str = "numRecordsInErrors";

/// What becomes of a record that can't be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMalformed {
    /// The job fails, and says which record it was and what is wrong with it.
    #[default]
    Fail,
    /// It is left out, and counted in the metric `numRecordsInErrors`.
    Skip,
}

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// The file it stands in.
    pub file: String,
    /// The byte at which it begins.
    pub offset: u64,
    /// The line in which it begins, the first being 1; not known if the file is read from several places at once.
    pub line: Option<u64>,
    /// What is wrong with it, and with which field.
    pub reason: String,
    /// The record, as text.
    pub record: String,
}

/// Text of a record that an error message shows.
const SHOWN: usize = 200;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, line, reason, record } = self;
        match line {
            Some(line) => write!(f, "cannot read {file}, line {line} (byte {offset})")?,
            None => write!(f, "cannot read {file}, the record at byte {offset}")?,
        }
        let shown: String = record.chars().take(SHOWN).collect();
        let rest = if shown.len() < record.len() { " …" } else { "" };
        write!(f, ": {reason}; it is: {shown}{rest}")
    }
}

impl std::error::Error for Malformed {}

/// Reads records one by one, good and bad ones.
pub trait Parse: Send {
    /// What good ones become.
    type Record;

    /// The next record, or what is wrong with it, unless the split has ended.
    ///
    /// # Errors
    /// If the file can't be read.
    fn parse(&mut self) -> Result<Option<Result<Self::Record, Malformed>>, BoxError>;

    /// What is left of the split.
    fn rest(&self) -> FileSplit;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
}

/// A format that knows good records from bad ones.
pub trait Checked: Send + Sync + 'static {
    /// What good ones become.
    type Record: Record;
    /// Reads a split.
    type Parser: Parse<Record = Self::Record>;

    /// See [`FileFormat::is_splittable`].
    fn is_splittable(&self) -> bool;

    /// What becomes of bad ones.
    fn on_malformed(&self) -> OnMalformed;

    /// Opens a split.
    ///
    /// # Errors
    /// If it can't be opened.
    fn parser(&self, split: FileSplit) -> Result<Self::Parser, BoxError>;
}

/// Calls `emit` for each of about a batch of records. Returns whether there are more.
fn read_batch<P: Parse>(
    parser: &mut P,
    mut emit: impl FnMut(Result<P::Record, Malformed>) -> Result<(), BoxError>,
) -> Result<ReadStatus, BoxError> {
    let limit = parser.bytes_read() + BATCH_BYTES;
    for _ in 0..BATCH_RECORDS {
        match parser.parse()? {
            Some(record) => emit(record)?,
            None => return Ok(ReadStatus::SplitEnded),
        }
        if parser.bytes_read() >= limit {
            break;
        }
    }
    Ok(ReadStatus::More)
}

/// Fails at a bad record, or leaves it out.
pub struct CheckedReader<P> {
    parser: P,
    on_malformed: OnMalformed,
    skipped: Counter,
}

impl<P: Parse> CheckedReader<P> {
    pub(super) fn open<C: Checked<Parser = P>>(
        format: &C,
        split: FileSplit,
        context: &RuntimeContext,
    ) -> Result<Self, BoxError> {
        let parser = format.parser(split)?;
        let skipped = context.metrics().counter(SKIPPED);
        Ok(Self { parser, on_malformed: format.on_malformed(), skipped })
    }
}

impl<P: Parse> FormatReader for CheckedReader<P> {
    type Record = P::Record;

    fn read(&mut self, batch: &mut Batch<P::Record>) -> Result<ReadStatus, BoxError> {
        let Self { parser, on_malformed, skipped } = self;
        read_batch(parser, |record| {
            match record {
                Ok(record) => batch.records.push(record),
                Err(_) if *on_malformed == OnMalformed::Skip => skipped.inc(),
                Err(malformed) => return Err(malformed.into()),
            }
            Ok(())
        })
    }

    fn snapshot(&mut self) -> Result<FileSplit, BoxError> {
        Ok(self.parser.rest())
    }

    fn bytes_read(&self) -> u64 {
        self.parser.bytes_read()
    }
}

/// Emits good and bad records, as `Result<T, Malformed>`, so that the program decides what becomes of the bad ones.
///
/// ```
/// use flott_connectors::{CsvFormat, FileSource};
///
/// FileSource::for_format("/data/in.csv", CsvFormat::<(String, u64)>::new().results());
/// ```
#[derive(Clone, Debug)]
pub struct Results<C>(pub(super) C);

/// Emits good and bad records.
pub struct ResultsReader<P>(P);

impl<C: Checked> FileFormat for Results<C> {
    type Record = Result<C::Record, Malformed>;
    type Reader = ResultsReader<C::Parser>;

    fn is_splittable(&self) -> bool {
        self.0.is_splittable()
    }

    fn open(&self, split: FileSplit, _: &RuntimeContext) -> Result<Self::Reader, BoxError> {
        Ok(ResultsReader(self.0.parser(split)?))
    }
}

impl<P: Parse> FormatReader for ResultsReader<P> {
    type Record = Result<P::Record, Malformed>;

    fn read(&mut self, batch: &mut Batch<Self::Record>) -> Result<ReadStatus, BoxError> {
        read_batch(&mut self.0, |record| {
            batch.records.push(record);
            Ok(())
        })
    }

    fn snapshot(&mut self) -> Result<FileSplit, BoxError> {
        Ok(self.0.rest())
    }

    fn bytes_read(&self) -> u64 {
        self.0.bytes_read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_is_shown_in_part() {
        let malformed = Malformed {
            file: "f".to_owned(),
            offset: 7,
            line: None,
            reason: "bad".to_owned(),
            record: "ü".repeat(SHOWN + 1),
        };
        let text = malformed.to_string();
        assert!(text.starts_with("cannot read f, the record at byte 7: bad; it is: üü"), "{text}");
        assert!(text.ends_with("ü …"), "{text}");
        assert_eq!(text.matches('ü').count(), SHOWN);
    }
}
