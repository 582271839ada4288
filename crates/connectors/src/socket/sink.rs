use std::{
    io::{self, ErrorKind, Write},
    marker::PhantomData,
    net::{Shutdown, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use flott_runtime::{Batch, BoxError, OperatorContext, Sink, SinkWriter, TaskSignals};

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
    record: PhantomData<fn(T)>,
}

impl<T: 'static, R: RowFormat<T>> Sink<T> for SocketSink<R> {
    type Writer = SocketWriter<T, R::Encoder>;

    fn writer(&self, context: &OperatorContext) -> Result<Self::Writer, BoxError> {
        let mut writer = SocketWriter {
            target: self.target.clone(),
            attempts: Attempts::new(self.target.retries),
            signals: context.task.signals.clone(),
            auto_flush: self.auto_flush,
            encoder: self.format.encoder(),
            stream: None,
            buffer: Vec::new(),
            ends: Vec::new(),
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
mod tests {
    use std::{io::Read, net::TcpListener};

    use super::*;
    use crate::testing::operator;

    fn server() -> (TcpListener, SocketSink) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, SocketSink::new("127.0.0.1", port).retry_pause(Duration::from_millis(1)))
    }

    fn writer<T: 'static, R: RowFormat<T>>(sink: &SocketSink<R>) -> SocketWriter<T, R::Encoder> {
        sink.writer(&operator()).unwrap()
    }

    fn write<T, E: RowEncoder<T>>(writer: &mut SocketWriter<T, E>, records: Vec<T>) -> Result<(), String> {
        writer.write(&mut records.into()).map_err(|error| error.to_string())
    }

    fn read_to_end(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn records_arrive_as_lines() {
        let (listener, sink) = server();
        let mut writer = writer(&sink);
        let stream = listener.accept().unwrap().0;
        write(&mut writer, vec!["a", "b"]).unwrap();
        writer.finish().unwrap();
        assert_eq!(read_to_end(stream), "a\nb\n");
    }

    #[test]
    fn records_are_sent_when_the_input_pauses_or_at_once() {
        let (listener, sink) = server();
        let mut line = [0; 2];
        let mut writer = writer(&sink);
        let mut stream = listener.accept().unwrap().0;
        write(&mut writer, vec!["a"]).unwrap();
        stream.set_nonblocking(true).unwrap();
        assert_eq!(stream.read(&mut line).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
        writer.flush().unwrap();
        stream.read_exact(&mut line).unwrap();

        let mut eager = self::writer(&sink.auto_flush(true));
        let mut stream = listener.accept().unwrap().0;
        write(&mut eager, vec!["b"]).unwrap();
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"b\n");
    }

    #[test]
    fn other_formats_are_written_as_they_are() {
        let (listener, sink) = server();
        let length_first = |record: &Vec<u8>, out: &mut Vec<u8>| {
            out.push(record.len() as u8);
            out.extend(record);
            Ok(())
        };
        let mut writer =
            writer(&SocketSink::for_row_format(sink.target.host, sink.target.port, length_first));
        let mut stream = listener.accept().unwrap().0;
        write(&mut writer, vec![vec![0xff], vec![]]).unwrap();
        writer.finish().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [1, 0xff, 0]);
    }

    /// Writes lines until the sink has noticed that the connection is closed.
    fn write_until_noticed(writer: &mut SocketWriter<u64, TextFormat>) -> Result<u64, String> {
        let before = writer.attempts.in_words();
        for number in 0.. {
            write(writer, vec![number])?;
            writer.flush().map_err(|error| error.to_string())?;
            if writer.attempts.in_words() != before {
                return Ok(number);
            }
        }
        unreachable!("the numbers do not end")
    }

    #[test]
    fn a_broken_connection_is_replaced_and_begins_with_a_whole_record() {
        let (listener, sink) = server();
        let mut writer = writer(&sink.retries(Retries::Times(1)));
        drop(listener.accept().unwrap());
        let noticed_at = write_until_noticed(&mut writer).unwrap();
        let stream = listener.accept().unwrap().0;
        write(&mut writer, vec![u64::MAX]).unwrap();
        SinkWriter::<u64>::finish(&mut writer).unwrap();
        assert_eq!(read_to_end(stream), format!("{noticed_at}\n{}\n", u64::MAX));
    }

    #[test]
    fn a_record_that_was_written_in_part_is_written_again() {
        let (listener, sink) = server();
        let mut writer: SocketWriter<String, _> = writer(&sink.retries(Retries::Times(1)));
        let stream = listener.accept().unwrap().0;
        // More than the buffers of the network take.
        let large = "x".repeat(32 << 20);
        let expected = format!("{large}\nafter\n");
        let (written, received) = thread::scope(|scope| {
            let written = scope.spawn(move || {
                write(&mut writer, vec!["before".to_owned(), large, "after".to_owned()])?;
                writer.finish().map_err(|error| error.to_string())
            });
            let mut some = [0; 7];
            (&stream).read_exact(&mut some).unwrap();
            assert_eq!(&some, b"before\n");
            // Closed with input that was not read, so the writer gets an error in the middle of the large record.
            drop(stream);
            let received = read_to_end(listener.accept().unwrap().0);
            (written.join().unwrap(), received)
        });
        written.unwrap();
        assert!(received == expected, "{} bytes", received.len());
    }

    #[test]
    fn a_canceled_task_waits_neither_for_a_receiver_nor_for_a_connection() {
        let (listener, sink) = server();
        let context = operator();
        let mut writer = sink.writer(&context).unwrap();
        let stream = listener.accept().unwrap().0;
        context.task.signals.cancel();
        // Nobody reads, and there is more than the buffers of the network take.
        write(&mut writer, vec!["x".repeat(32 << 20)]).unwrap();
        drop((stream, listener));

        let for_ever = sink.retries(Retries::Always).retry_pause(Duration::from_secs(3_600));
        let error = Sink::<u64>::writer(&for_ever, &context).err().unwrap();
        assert!(error.to_string().contains("the task was canceled"), "{error}");
    }

    #[test]
    fn a_receiver_that_has_gone_is_named() {
        let (listener, sink) = server();
        let address = listener.local_addr().unwrap();
        let mut writer = writer(&sink);
        drop(listener.accept().unwrap());
        drop(listener);
        let error = write_until_noticed(&mut writer).unwrap_err();
        assert!(error.starts_with(&format!("cannot write to {address}: ")), "{error}");

        let error = Sink::<u64>::writer(&sink.retries(Retries::Times(2)), &operator()).err().unwrap();
        let expected = format!("cannot connect to {address}, also after 2 retries: Connection refused");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
