//! What becomes of the answers that S3 servers give when something is wrong with them, by a server that gives just these.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flott_storage::{Error, FailureKind, Storage, StorageOptions, StorageUri};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

type Answer = (u16, &'static str);

/// Answers one request after the other; then the last answer again and again.
struct Server {
    storage: Storage,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let settings = [("s3.endpoint", &*endpoint), ("s3.access-key", "KEY"), ("s3.secret-key", "SECRET")];
        let settings: BTreeMap<_, _> =
            settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let options = StorageOptions::from_map(&settings).unwrap().with_attempts(3, Duration::from_millis(1));
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let mut tasks = JoinSet::new();
        let seen = requests.clone();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                answer(stream, &seen, answers).await;
            }
        });
        Self { storage: Storage::open(&options), requests, _tasks: tasks }
    }

    async fn count(&self) -> usize {
        self.requests.lock().await.len()
    }
}

async fn answer(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answers: &[Answer]) {
    let mut request = Vec::new();
    let head = loop {
        if stream.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
            if body.len() >= length.parse().unwrap() {
                break head.to_owned();
            }
        }
    };
    let mut seen = seen.lock().await;
    let (status, body) = answers[seen.len().min(answers.len() - 1)];
    seen.push(head);
    let length = body.len();
    // Status 0: the connection breaks without an answer.
    if status > 0 {
        let text = format!(
            "HTTP/1.1 {status} Status\r\nETag: \"e\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

fn file() -> StorageUri {
    "s3://bucket/dir/file".parse().unwrap()
}

async fn put(answers: &'static [Answer]) -> (Result<(), Error>, usize) {
    let server = Server::start(answers).await;
    let result = server.storage.put(&file(), "x".into()).await;
    (result, server.count().await)
}

#[tokio::test]
async fn overload_is_tried_again() {
    const SLOW_DOWN: &str =
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let (result, requests) = put(&[(503, SLOW_DOWN), (500, ""), (200, "")]).await;
    result.unwrap();
    assert_eq!(requests, 3);
    let (result, requests) = put(&[(503, SLOW_DOWN)]).await;
    let error = result.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Unavailable));
    assert_eq!(
        error.to_string(),
        "cannot write s3://bucket/dir/file: the server answered 503 Service Unavailable, SlowDown: Please reduce your \
         request rate. (tried 3 times)"
    );
    // The fourth asks whether it was written all the same.
    assert_eq!(requests, 4);
}

#[tokio::test]
async fn a_full_server_is_a_full_disk() {
    let (result, requests) =
        put(&[(507, "<Error><Code>XMinioStorageFull</Code><Message>Full.</Message></Error>")]).await;
    let error = result.unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    let (result, requests) = put(&[(403, "<Error><Code>AccessDenied</Code></Error>")]).await;
    let error = result.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Denied));
    assert_eq!(
        error.to_string(),
        "cannot write s3://bucket/dir/file: the server answered 403 Forbidden, AccessDenied"
    );
    assert_eq!(requests, 1);
    // Whole pages, as of proxies, are not repeated.
    let (result, requests) = put(&[(400, "<html>\nlong page</html>")]).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "cannot write s3://bucket/dir/file: the server answered 400 Bad Request"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_up() {
    // Written, but three times nobody said so; then it is read.
    let (result, requests) = put(&[(0, ""), (0, ""), (0, ""), (200, "x")]).await;
    result.unwrap();
    assert_eq!(requests, 4);
    let (result, _) = put(&[(0, ""), (0, ""), (0, ""), (200, "something else")]).await;
    assert_eq!(result.unwrap_err().failure(), Some(FailureKind::Unknown));
}

#[tokio::test]
async fn a_file_that_is_created_twice_by_us_is_ours() {
    // The first attempt was carried out, the second finds its work.
    let server = Server::start(&[(0, ""), (412, ""), (200, "x")]).await;
    server.storage.put_new(&file(), "x".into()).await.unwrap();
    let requests = server.requests.lock().await;
    assert!(requests[0].starts_with("put ") && requests[0].contains("if-none-match: *"), "{}", requests[0]);
    assert!(requests[2].starts_with("get "), "{}", requests[2]);
    drop(requests);

    let server = Server::start(&[(412, ""), (200, "of another")]).await;
    let error = server.storage.put_new(&file(), "x".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Exists));
    // Another's request for the same file, which may fail yet.
    let server =
        Server::start(&[(409, "<Error><Code>ConditionalRequestConflict</Code></Error>"), (200, "")]).await;
    server.storage.put_new(&file(), "x".into()).await.unwrap();
    assert_eq!(server.count().await, 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_again() {
    let server = Server::start(&[(200, "whole")]).await;
    assert_eq!(server.storage.get(&file()).await.unwrap(), "whole");
    // Fewer bytes than were asked for.
    let error = server.storage.get_range(&file(), 0..100).await.unwrap_err();
    assert!(!error.is_missing(), "{error}");
}

#[tokio::test]
async fn servers_that_cannot_create_are_asked_first() {
    let server =
        Server::start(&[(501, "<Error><Code>NotImplemented</Code></Error>"), (404, ""), (200, "")]).await;
    server.storage.put_new(&file(), "x".into()).await.unwrap();
    let requests = server.requests.lock().await;
    assert_eq!(requests.iter().map(|head| &head[..4]).collect::<Vec<_>>(), ["put ", "head", "put "]);
    drop(requests);
    let server = Server::start(&[(501, ""), (200, ""), (200, "of another")]).await;
    let error = server.storage.put_new(&file(), "x".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Exists));
}
