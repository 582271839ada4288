//! How records stand in bytes: for files and sockets, to read and to write.

mod csv;
mod json;
mod lines;
mod malformed;
mod progress;
#[cfg(test)]
mod restarts;
mod text;

use flott_runtime::{Batch, BoxError, ReadStatus, Record, RuntimeContext};

pub use self::{
    csv::CsvFormat,
    json::JsonFormat,
    malformed::{Malformed, OnMalformed, Results},
    text::{BytesFormat, TextFormat},
};

pub(crate) use self::lines::LINE_LIMIT;

use crate::FileSplit;

/// What files are made of, for a [`FileSource`](crate::FileSource).
pub trait FileFormat: Send + Sync + 'static {
    /// What a file consists of.
    type Record: Record;
    /// Reads a split.
    type Reader: FormatReader<Record = Self::Record>;

    /// Whether readers can find the first record that begins at or after any byte of a file. If not, a file is always
    /// one split.
    fn is_splittable(&self) -> bool;

    /// Opens a split. Its records are those that begin in it, the last of which may end behind it. The
    /// [rest](FileSplit::progress) of a split begins with a record; in other splits that do not begin with the file the first one
    /// has to be found.
    ///
    /// # Errors
    /// If it can't be opened; the job fails with it.
    fn open(&self, split: FileSplit, context: &RuntimeContext) -> Result<Self::Reader, BoxError>;
}

/// Reads one split of a file.
pub trait FormatReader: Send {
    /// What it reads.
    type Record;

    /// Appends about a batch of records. Nothing is called after [`ReadStatus::SplitEnded`].
    ///
    /// # Errors
    /// If the file can't be read, or what is in it can't; the job fails with it.
    fn read(&mut self, batch: &mut Batch<Self::Record>) -> Result<ReadStatus, BoxError>;

    /// The [rest](FileSplit::rest) of the split behind the last record that was read. Called between two reads.
    ///
    /// # Errors
    /// If that can't be told; the job fails with it.
    fn snapshot(&mut self) -> Result<FileSplit, BoxError>;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
}

/// How records are written, one after the other: to part files, or to a socket.
///
/// A closure that appends a record's bytes is one, too:
///
/// ```
/// use flott_connectors::FileSink;
/// use flott_runtime::BoxError;
///
/// let lengths = |record: &Vec<u8>, out: &mut Vec<u8>| -> Result<(), BoxError> {
///     out.extend((record.len() as u32).to_be_bytes());
///     out.extend(record);
///     Ok(())
/// };
/// FileSink::for_row_format("/data/out", lengths);
/// ```
pub trait RowFormat<T>: Send + Sync + 'static {
    /// Writes the records of one file or connection.
    type Encoder: RowEncoder<T>;

    /// Makes the encoder of one file or connection.
    fn encoder(&self) -> Self::Encoder;
}

/// Writes the records of one file or connection.
pub trait RowEncoder<T>: Send {
    /// Appends a record, with what stands between it and the next; before the first one what a file begins with.
    ///
    /// # Errors
    /// If the record can't be written in this format; the job fails with it.
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError>;
}

impl<T, F> RowFormat<T> for F
where
    F: Fn(&T, &mut Vec<u8>) -> Result<(), BoxError> + Clone + Send + Sync + 'static,
{
    type Encoder = FunctionEncoder<F>;

    fn encoder(&self) -> FunctionEncoder<F> {
        FunctionEncoder(self.clone())
    }
}

/// Writes with a function.
pub struct FunctionEncoder<F>(F);

impl<T, F> RowEncoder<T> for FunctionEncoder<F>
where
    F: Fn(&T, &mut Vec<u8>) -> Result<(), BoxError> + Send,
{
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.0(record, out)
    }
}
