use std::time::Duration;

use flott_runtime::{
    BATCH_RECORDS, Batch, Boundedness, BoxError, ReadStatus, RuntimeContext, Source, SourceReader,
    SplitEnumerator, Waker, all_splits,
};

use super::{
    connection::{Connection, Event, Target},
    error::Error,
    line_buffer::LineBuffer,
    retries::{PAUSE, Retries},
};
use crate::format::LINE_LIMIT;

/// Emits the lines that come from a TCP socket, such as of `nc -lk 9000`; Flink's `socketTextStream`.
///
/// A line ends with `\n` or `\r\n`, which do not belong to it; bytes that are no UTF-8 become U+FFFD. A line without end
/// is emitted when the connection ends. Without retries the source ends when the server closes the connection, and the
/// job fails if there is no connection or it breaks. With retries the source connects again, also if the server is not
/// there yet (Flink's fails then).
///
/// One subtask reads. A socket can't be read again from a position, so each line is read at most once: what was sent while
/// there was no connection is lost, and so is, when the job fails, what was read behind the last checkpoint. Use it to try
/// things out.
#[derive(Clone, Debug)]
pub struct SocketTextSource {
    target: Target,
    delimiter: String,
    limit: usize,
}

impl SocketTextSource {
    /// Reads lines from this host and port, without retries.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let target = Target { host: host.into(), port, retries: Retries::Never, pause: PAUSE };
        Self { target, delimiter: "\n".to_owned(), limit: LINE_LIMIT }
    }

    /// What ends a record, instead of a line end.
    #[must_use]
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = delimiter.into();
        self
    }

    /// How often to connect again.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.target.retries = retries;
        self
    }

    /// How long to wait before connecting again; by default 500 ms.
    #[must_use]
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.target.pause = pause;
        self
    }

    /// How many bytes a record may have; by default 60 MiB. The job fails if one has more.
    #[must_use]
    pub fn max_record_bytes(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// Reads a [`SocketTextSource`].
pub struct SocketTextReader {
    source: SocketTextSource,
    waker: Waker,
    connection: Option<Connection>,
    lines: LineBuffer,
    bytes: u64,
}

impl Source for SocketTextSource {
    type Record = String;
    type Split = ();
    type Reader = SocketTextReader;

    fn boundedness(&self) -> Boundedness {
        Boundedness::Unbounded
    }

    fn enumerator(
        &self,
        _: &RuntimeContext,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<()>>, BoxError> {
        Ok(all_splits(vec![()]))
    }

    fn reader(&self, context: &RuntimeContext) -> Result<SocketTextReader, BoxError> {
        if self.delimiter.is_empty() {
            return Err(Error::NoDelimiter { address: self.target.address() }.into());
        }
        Ok(SocketTextReader {
            source: self.clone(),
            waker: context.waker(),
            connection: None,
            lines: LineBuffer::new(self.delimiter.as_bytes(), self.limit),
            bytes: 0,
        })
    }
}

impl SourceReader for SocketTextReader {
    type Record = String;
    type Split = ();

    fn start(&mut self, (): ()) -> Result<(), BoxError> {
        self.connection = Some(Connection::open(self.source.target.clone(), self.waker.clone())?);
        Ok(())
    }

    fn read(&mut self, batch: &mut Batch<String>) -> Result<ReadStatus, BoxError> {
        loop {
            while batch.len() < BATCH_RECORDS {
                match self.lines.next() {
                    Ok(Some(line)) => batch.records.push(decode(line)),
                    Ok(None) => break,
                    Err(_) => return Err(self.too_long().into()),
                }
            }
            if batch.len() >= BATCH_RECORDS {
                return Ok(ReadStatus::More);
            }
            match self.connection.as_ref().map_or(Some(Event::Ended), Connection::take) {
                Some(Event::Bytes(bytes)) => {
                    self.bytes += bytes.len() as u64;
                    self.lines.feed(&bytes);
                }
                Some(Event::Disconnected) => {
                    batch.records.extend(self.lines.take_rest().as_deref().map(decode));
                }
                Some(Event::Ended) => {
                    self.connection = None;
                    return Ok(ReadStatus::SplitEnded);
                }
                Some(Event::Failed(error)) => return Err(error.into()),
                None => return Ok(ReadStatus::Waiting),
            }
        }
    }

    /// That there is something to read. A socket can't be asked for what it has sent before: lines behind the checkpoint are
    /// read at most once.
    fn snapshot(&mut self) -> Result<Option<()>, BoxError> {
        Ok(self.connection.is_some().then_some(()))
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

fn decode(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

impl SocketTextReader {
    fn too_long(&self) -> Error {
        Error::RecordTooLong {
            address: self.source.target.address(),
            limit: self.source.limit,
            delimiter: self.source.delimiter.escape_debug().to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
