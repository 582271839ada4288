use std::{io::Read, net::TcpListener};

use super::*;
use crate::testing::operator;

fn server() -> (TcpListener, SocketSink) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, SocketSink::new("127.0.0.1", port).retry_pause(Duration::from_millis(1)))
}

fn writer<T: 'static, R: RowFormat<T>>(sink: &SocketSink<R>) -> SocketWriter<T, R::Encoder> {
    sink.writer(&operator(), Vec::new()).unwrap()
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
    let mut writer = writer(&SocketSink::for_row_format(sink.target.host, sink.target.port, length_first));
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
    let mut writer = sink.writer(&context, Vec::new()).unwrap();
    let stream = listener.accept().unwrap().0;
    context.task.signals.cancel();
    // Nobody reads, and there is more than the buffers of the network take.
    write(&mut writer, vec!["x".repeat(32 << 20)]).unwrap();
    drop((stream, listener));

    let for_ever = sink.retries(Retries::Always).retry_pause(Duration::from_secs(3_600));
    let error = Sink::<u64>::writer(&for_ever, &context, Vec::new()).err().unwrap();
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

    let error = Sink::<u64>::writer(&sink.retries(Retries::Times(2)), &operator(), Vec::new()).err().unwrap();
    let expected = format!("cannot connect to {address}, also after 2 retries: Connection refused");
    assert!(error.to_string().starts_with(&expected), "{error}");
}
