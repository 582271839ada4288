use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::testing::{operator, wait_for_wake};

fn server() -> (TcpListener, SocketTextSource) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, SocketTextSource::new("127.0.0.1", port).retry_pause(Duration::from_millis(1)))
}

/// A reader under test, and what it has read.
struct Reading {
    reader: SocketTextReader,
    context: RuntimeContext,
    lines: Batch<String>,
}

impl Reading {
    fn start(source: &SocketTextSource) -> Self {
        let context = operator();
        let mut reader = source.reader(&context).unwrap();
        reader.start(()).unwrap();
        Self { reader, context, lines: Batch::new() }
    }

    /// Reads until `enough` lines are there or the source has ended.
    fn read(&mut self, enough: usize) -> Result<ReadStatus, String> {
        loop {
            match self.reader.read(&mut self.lines).map_err(|error| error.to_string())? {
                status if self.lines.len() >= enough || status == ReadStatus::SplitEnded => {
                    return Ok(status);
                }
                ReadStatus::Waiting => wait_for_wake(&self.context),
                _ => {}
            }
        }
    }
}

const ALL: usize = usize::MAX;

#[test]
fn lines_are_emitted_as_they_come_until_the_server_closes() {
    let (listener, source) = server();
    let mut reading = Reading::start(&source);
    let mut stream = listener.accept().unwrap().0;
    stream.write_all("eins\r\nzw\u{f6}lf\nha".as_bytes()).unwrap();
    assert_eq!(reading.read(2), Ok(ReadStatus::Waiting));
    stream.write_all(b"lf\n\n\xff\nlast").unwrap();
    drop(stream);
    assert_eq!(reading.read(ALL), Ok(ReadStatus::SplitEnded));
    assert_eq!(reading.lines.records, ["eins", "zwölf", "half", "", "\u{fffd}", "last"]);
    assert_eq!(reading.reader.bytes_read(), 25);
}

#[test]
fn a_delimiter_may_have_several_characters() {
    let (listener, source) = server();
    let mut reading = Reading::start(&source.delimiter("--"));
    listener.accept().unwrap().0.write_all(b"a-b--c\n----").unwrap();
    reading.read(ALL).unwrap();
    assert_eq!(reading.lines.records, ["a-b", "c\n", ""]);
}

#[test]
fn a_closed_connection_is_opened_again_as_often_as_allowed() {
    let (listener, source) = server();
    let mut reading = Reading::start(&source.retries(Retries::Times(2)));
    for line in ["first\nhalf", "second\n", "third"] {
        listener.accept().unwrap().0.write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(reading.read(ALL), Ok(ReadStatus::SplitEnded));
    assert_eq!(reading.lines.records, ["first", "half", "second", "third"]);
}

#[test]
fn a_server_that_comes_later_is_waited_for() {
    let (listener, source) = server();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut reading = Reading::start(&source.retries(Retries::Always));
    let listener = TcpListener::bind(address).unwrap();
    let mut stream = listener.accept().unwrap().0;
    stream.write_all(b"hello\n").unwrap();
    reading.read(1).unwrap();
    assert_eq!(reading.lines.records, ["hello"]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let (listener, source) = server();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Reading::start(&source).read(1).unwrap_err();
    assert!(error.starts_with(&format!("cannot connect to {address}: Connection refused")), "{error}");
    let error = Reading::start(&source.retries(Retries::Times(3))).read(1).unwrap_err();
    assert!(error.contains(&format!("{address}, also after 3 retries: ")), "{error}");
    let error = Reading::start(&SocketTextSource::new("no.such.host.invalid", 1)).read(1).unwrap_err();
    assert!(error.starts_with("cannot connect to no.such.host.invalid:1: "), "{error}");
}

#[test]
fn a_record_without_end_fails_before_it_fills_the_memory() {
    let (listener, source) = server();
    let mut reading = Reading::start(&source.max_record_bytes(100_000));
    let mut stream = listener.accept().unwrap().0;
    // The reader may give up before all is written.
    let _ = stream.write_all(&vec![b'x'; 1 << 20]);
    let error = reading.read(1).unwrap_err();
    assert!(
        error.ends_with("a record is longer than 100000 bytes: is \"\\n\" what ends records there?"),
        "{error}"
    );
}

#[test]
fn a_reader_that_is_dropped_closes_the_connection_at_once() {
    let (listener, source) = server();
    let mut waiting = Reading::start(&source.clone().retries(Retries::Always));
    let mut stream = listener.accept().unwrap().0;
    stream.write_all(b"a\n").unwrap();
    waiting.read(1).unwrap();
    drop(waiting);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the thread waited for input");

    // The thread waits until somebody takes what it has read.
    let full = Reading::start(&source);
    let mut stream = listener.accept().unwrap().0;
    stream.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    while stream.write(&[b'\n'; 1 << 16]).is_ok() {}
    stream.set_write_timeout(None).unwrap();
    drop(full);
    assert!(stream_is_closed(&mut stream));
}

fn stream_is_closed(stream: &mut TcpStream) -> bool {
    // Closed with input that nobody has read, it is reset.
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn a_pause_ends_when_the_reader_is_dropped() {
    let (listener, source) = server();
    drop(listener);
    let source = source.retries(Retries::Always).retry_pause(Duration::from_secs(3_600));
    let reading = Reading::start(&source);
    let of_thread = reading.reader.connection.as_ref().unwrap().control();
    drop(reading);
    while of_thread.strong_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn an_empty_delimiter_is_refused() {
    let error = SocketTextSource::new("h", 1).delimiter("").reader(&operator()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot read from h:1: the delimiter is empty, so nothing says where a record ends"
    );
}
