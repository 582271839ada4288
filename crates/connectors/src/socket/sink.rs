use std::{
    io::{self, ErrorKind, Write},
    marker::PhantomData,
    net::{Shutdown, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use flott_runtime::{Batch, BoxError, NoCommittable, RuntimeContext, Sink, SinkWriter, TaskSignals};

use super::{
    connection::Target,
    error::Error,
    retries::{Attempts, PAUSE, Retries},
};
use crate::format::{RowEncoder, RowFormat, TextFormat};

/// Bytes that are written at a time.
const BUFFER: usize = 64 << 10;
/// How long to wait at a time, so that a canceled task ends soon.
const PATIENCE: Duration = Duration::from_millis(50);

/// Writes records to a TCP socket; Flink's `writeToSocket`. Each subtask has a connection of its own.
///
/// If the connection breaks, the sink connects again as often as it may and goes on with the record that had not been
/// written completely; the receiver may have seen its beginning. Records that lay in the buffers of the network are
/// lost. While the receiver does not read, the sink and all before it wait.
///
/// All records before a checkpoint are handed to the network before it is complete; those behind it are sent again when the job
/// restarts: at least once, as far as the network and the receiver keep what they have got.
#[derive(Clone, Debug)]
pub struct SocketSink<R = TextFormat> {
    target: Target,
    format: R,
    auto_flush: bool,
}

impl SocketSink {
    /// Writes each record as a line of text, without retries.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self::for_row_format(host, port, TextFormat)
    }
}

impl<R> SocketSink<R> {
    /// Writes records in this format, without retries. What a file begins with comes once, before the first record.
    pub fn for_row_format(host: impl Into<String>, port: u16, format: R) -> Self {
        let target = Target { host: host.into(), port, retries: Retries::Never, pause: PAUSE };
        Self { target, format, auto_flush: false }
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

    /// Whether to send each batch of records at once. By default records are sent when 64 KiB have come together, when
    /// the input pauses, and each `execution.buffer-timeout.interval`.
    #[must_use]
    pub fn auto_flush(mut self, auto_flush: bool) -> Self {
        self.auto_flush = auto_flush;
        self
    }
}

/// Writes for a [`SocketSink`].
pub struct SocketWriter<T, E> {
    target: Target,
    attempts: Attempts,
    signals: Arc<TaskSignals>,
    auto_flush: bool,
    encoder: E,
    /// `None` if there is no connection, for now.
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// Where the records end in `buffer`.
    ends: Vec<usize>,
    /// Bytes of all records that were sent.
    sent: u64,
    record: PhantomData<fn(T)>,
}

impl<T: 'static, R: RowFormat<T>> Sink<T> for SocketSink<R> {
    type Writer = SocketWriter<T, R::Encoder>;

    fn writer(&self, context: &RuntimeContext, _: Vec<()>) -> Result<Self::Writer, BoxError> {
        let mut writer = SocketWriter {
            target: self.target.clone(),
            attempts: Attempts::new(self.target.retries),
            signals: context.task.signals.clone(),
            auto_flush: self.auto_flush,
            encoder: self.format.encoder(),
            stream: None,
            buffer: Vec::new(),
            ends: Vec::new(),
            sent: 0,
            record: PhantomData,
        };
        writer.connect()?;
        Ok(writer)
    }
}

impl<T, E> SocketWriter<T, E> {
    fn connect(&mut self) -> Result<(), Error> {
        while self.stream.is_none() {
            let connected = self.target.connect().and_then(|stream| {
                // Records are collected here; what is sent shall go.
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            });
            match connected {
                Ok(stream) => self.stream = Some(stream),
                Err(cause) => {
                    let (address, retried) = (self.target.address(), self.attempts.in_words());
                    self.try_again(Error::Connect { address, retried, cause })?;
                }
            }
        }
        Ok(())
    }

    /// Waits until it is time for another attempt, if there may be one.
    fn try_again(&mut self, error: Error) -> Result<(), Error> {
        if !self.attempts.again() {
            return Err(error);
        }
        let mut left = self.target.pause;
        while !left.is_zero() {
            self.check_canceled()?;
            let nap = left.min(PATIENCE);
            thread::sleep(nap);
            left -= nap;
        }
        self.check_canceled()
    }

    fn check_canceled(&self) -> Result<(), Error> {
        if self.signals.is_canceled() {
            return Err(Error::Canceled { address: self.target.address() });
        }
        Ok(())
    }

    /// Sends what is in the buffer.
    fn send(&mut self) -> Result<(), Error> {
        let mut sent = 0;
        while sent < self.buffer.len() {
            self.connect()?;
            let Some(stream) = &mut self.stream else { continue };
            match stream.write(&self.buffer[sent..]) {
                Ok(count @ 1..) => sent += count,
                // The receiver does not read.
                Err(error) if is_timeout(&error) => self.check_canceled()?,
                result => {
                    let cause = result.err().unwrap_or(ErrorKind::WriteZero.into());
                    self.stream = None;
                    // The new connection begins with a whole record.
                    let complete = self.ends.partition_point(|end| *end <= sent);
                    sent = complete.checked_sub(1).map_or(0, |last| self.ends[last]);
                    let (address, retried) = (self.target.address(), self.attempts.in_words());
                    self.try_again(Error::Write { address, retried, cause })?;
                }
            }
        }
        self.sent += self.buffer.len() as u64;
        self.buffer.clear();
        self.ends.clear();
        Ok(())
    }

    /// Sends, unless the task is canceled: then nothing matters any more, and it is about to end by itself.
    fn send_unless_canceled(&mut self) -> Result<(), BoxError> {
        match self.send() {
            Err(Error::Canceled { .. }) => Ok(()),
            result => Ok(result?),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl<T, E: RowEncoder<T>> SinkWriter<T> for SocketWriter<T, E> {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        for record in batch.records.drain(..) {
            self.encoder.encode(&record, &mut self.buffer)?;
            self.ends.push(self.buffer.len());
            if self.buffer.len() >= BUFFER {
                self.send_unless_canceled()?;
            }
        }
        if self.auto_flush {
            self.send_unless_canceled()?;
        }
        Ok(())
    }

    fn bytes_written(&self) -> u64 {
        self.sent
    }

    fn flush(&mut self) -> Result<(), BoxError> {
        self.send_unless_canceled()
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.send()?;
        if let Some(stream) = &self.stream {
            // The receiver may have gone after it had all that it wanted.
            let _ = stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
