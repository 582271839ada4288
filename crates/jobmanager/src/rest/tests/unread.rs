//! Requests that are answered before their body was read: the answer arrives, and the connection can be used again or
//! is said to close.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

use std::{io, net::SocketAddr, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{support::*, wire};

/// The head of a request, without the empty line at its end.
fn head(line: &str, more: &str) -> String {
    let host = if more.contains("host:") { "" } else { "host: localhost\r\n" };
    format!("{line} HTTP/1.1\r\n{host}{more}")
}

/// A client that keeps its connection, as those with a pool do.
struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// The head of an answer; its body has been read.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn status(&self) -> &str {
        self.0.split(' ').nth(1).unwrap()
    }

    fn says_close(&self) -> bool {
        self.0.contains("\r\nconnection: close\r\n")
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    async fn send(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, has_body: bool) -> io::Result<Answer> {
        answer(&mut self.reader, has_body).await
    }

    /// Whether the connection still serves.
    async fn is_usable(&mut self) -> bool {
        self.send(&format!("{}\r\n", head("GET /overview", ""))).await;
        self.answer(true).await.unwrap().status() == "200"
    }
}

/// The next answer. `has_body` is not so for HEAD.
async fn answer(reader: &mut BufReader<OwnedReadHalf>, has_body: bool) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if has_body {
        let length = head.split("\r\ncontent-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        reader.read_exact(&mut vec![0; length.parse().unwrap()]).await?;
    }
    Ok(Answer(head))
}

#[tokio::test]
async fn a_connection_is_usable_after_each_kind_of_refusal() {
    let server = wire::start().await;
    let length = 3 << 20;
    let sized = format!("content-length: {length}\r\n");
    let large = "x".repeat(length);
    let chunked = "transfer-encoding: chunked\r\n".to_owned();
    let chunks = format!("{length:x}\r\n{large}\r\n5\r\nhello\r\n0\r\n\r\n");
    let foreign = format!("host: evil.example\r\n{sized}");
    let form = format!("content-type: multipart/form-data; boundary=b\r\n{sized}");
    let run = format!("POST /jars/{ARTIFACT}/run");
    for (line, headers, body, status) in [
        (run.as_str(), &sized, &large, "413"),
        (&run, &chunked, &chunks, "413"),
        ("POST /jars/upload", &foreign, &large, "403"),
        ("POST /jars/upload", &sized, &large, "400"),
        ("POST /jars/upload", &form, &large, "400"),
        ("POST /jars/upload", &chunked, &chunks, "400"),
        ("POST /nosuch", &sized, &large, "404"),
        ("DELETE /overview", &sized, &large, "404"),
        ("GET /overview", &sized, &large, "200"),
        ("GET /overview", &chunked, &chunks, "200"),
        ("HEAD /overview", &sized, &large, "404"),
        ("PUT /health", &sized, &large, "404"),
    ] {
        let mut client = Client::connect(server.address).await;
        for _ in 0..2 {
            client.send(&format!("{}\r\n{body}", head(line, headers))).await;
            let answer = client.answer(!line.starts_with("HEAD")).await.unwrap();
            assert_eq!(answer.status(), status, "{line} {headers}");
            assert!(!answer.says_close(), "{line} {headers}: {answer:?}");
        }
        assert!(client.is_usable().await, "{line} {headers}");
    }
}

#[tokio::test]
async fn a_body_without_end_gets_its_answer_and_the_connection_closes() {
    let server = wire::start().await;
    let Client { mut reader, mut writer } = Client::connect(server.address).await;
    let head = head("POST /nosuch", "content-length: 100000000000\r\n");
    writer.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let sender = tokio::spawn(async move {
        let chunk = vec![b'x'; 1 << 20];
        while writer.write_all(&chunk).await.is_ok() {}
    });
    let answer = answer(&mut reader, true).await.unwrap();
    assert_eq!(answer.status(), "404");
    assert!(answer.says_close(), "{answer:?}");
    // Not a reset, although the client still sends.
    assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    sender.abort();
}

#[tokio::test]
async fn a_client_that_reads_only_after_sending_can_send_all() {
    let server = wire::start().await;
    let mut client = Client::connect(server.address).await;
    let length = 80 << 20; // more than is read before the answer
    client.send(&format!("{}\r\n", head("POST /nosuch", &format!("content-length: {length}\r\n")))).await;
    client.writer.write_all(&vec![b'x'; length]).await.unwrap();
    let answer = client.answer(true).await.unwrap();
    assert_eq!((answer.status(), answer.says_close()), ("404", true));
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
    let server = wire::start().await;
    let expects = "content-length: 2\r\nexpect: 100-continue\r\n";
    for (line, more, status) in
        [("POST /nosuch", "", "404"), ("POST /jars/upload", "host: evil.example\r\n", "403")]
    {
        let mut client = Client::connect(server.address).await;
        client.send(&format!("{}\r\n", head(line, &format!("{more}{expects}")))).await;
        let answer = client.answer(true).await.unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.says_close(), "{answer:?}");
        assert_eq!(client.reader.read(&mut [0]).await.unwrap(), 0);
    }
    // One whose body is wanted is asked, and can go on.
    let mut client = Client::connect(server.address).await;
    let run = format!("POST /jars/{ARTIFACT}/run");
    client.send(&format!("{}\r\n", head(&run, expects))).await;
    assert_eq!(client.answer(false).await.unwrap().status(), "100");
    client.send("{}").await;
    let answer = client.answer(true).await.unwrap();
    assert_eq!((answer.status(), answer.says_close()), ("200", false));
    assert!(client.is_usable().await);
}

async fn says_close(body: Body) -> bool {
    let response = send(&service(), request("POST", "/nosuch", body)).await;
    assert_eq!(response.status(), 404);
    response.headers().get("connection").is_some_and(|value| value == "close")
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let start = tokio::time::Instant::now();
    assert!(says_close(Body::from_stream(futures::stream::pending::<io::Result<Bytes>>())).await);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_bounded_amount_is_read() {
    let mebibyte = Bytes::from(vec![0; 1 << 20]);
    let body = |mebibytes| {
        let chunks = std::iter::repeat_n(mebibyte.clone(), mebibytes).map(Ok::<_, io::Error>);
        Body::from_stream(futures::stream::iter(chunks))
    };
    assert!(!says_close(body(64)).await);
    assert!(says_close(body(65)).await);
}

#[tokio::test]
async fn a_body_that_breaks_off_closes_the_connection() {
    let broken = [Ok(Bytes::from_static(b"{")), Err(io::Error::other("broken"))];
    assert!(says_close(Body::from_stream(futures::stream::iter(broken))).await);
}
