//! Storage in S3 buckets, with the server of moto (`pip install 'moto[server,s3]'`), run by the Python that `FLOTT_TEST_S3` names,
//! else by `python3` if it has moto. Otherwise the tests say SKIPPED and do nothing.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use flott_core::checkpoint::StateFile;
use flott_storage::{
    Error, FailureKind, SegmentRequest, StateFileReader, StateFileWriter, Storage, StorageOptions,
    StorageUri, delete_files,
};
use tokio::runtime::Handle;

const BUCKET: &str = "flott";

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server, or tells why the test is skipped.
    fn start(arguments: &[&str]) -> Option<Self> {
        let named = std::env::var_os("FLOTT_TEST_S3");
        let python = named.clone().unwrap_or_else(|| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/s3_server.py");
        let errors = if named.is_some() { Stdio::inherit() } else { Stdio::null() };
        let process = Command::new(&python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn();
        let port = process.map_err(|error| error.to_string()).and_then(|mut process| {
            let mut line = String::new();
            BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            let port = line.trim().parse().map_err(|_| "it has no moto".to_owned())?;
            Ok(Self { process, port })
        });
        match port {
            Ok(server) => Some(server),
            Err(problem) if named.is_some() => panic!("FLOTT_TEST_S3={python:?}: {problem}"),
            Err(problem) => {
                // Not by a macro, whose output of passed tests is thrown away.
                let text = format!("SKIPPED: S3 was not tested: {python:?}: {problem} (set FLOTT_TEST_S3)\n");
                std::io::stderr().write_all(text.as_bytes()).unwrap();
                None
            }
        }
    }

    fn with_bucket() -> Option<Self> {
        let server = Self::start(&[])?;
        server.send("PUT", &format!("/{BUCKET}"), "");
        Some(server)
    }

    /// A request that needs no signature.
    fn send(&self, method: &str, path: &str, body: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split_whitespace().nth(1) == Some("200"), "{answer}");
    }

    fn options(&self, scheme: &str) -> StorageOptions {
        let endpoint = format!("{scheme}://127.0.0.1:{}", self.port);
        let settings = [
            ("s3.access-key", "AKIAEXAMPLE"),
            ("s3.secret-key", "SECRET"),
            ("s3.endpoint", &endpoint),
            ("s3.path.style.access", "true"),
        ];
        let settings: BTreeMap<_, _> =
            settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let options = StorageOptions::from_map(&settings).unwrap();
        options.with_attempts(2, Duration::from_millis(10)).with_request_timeout(Duration::from_secs(20))
    }

    fn storage(&self) -> Storage {
        Storage::open(&self.options("http"))
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn root() -> StorageUri {
    format!("s3a://{BUCKET}/some dir/job").parse().unwrap()
}

#[tokio::test]
async fn files_are_written_read_listed_and_deleted() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, root) = (server.storage(), root());
    let file = root.join("chk-1/ä b+c%20=&?");
    storage.put(&file, "hello".into()).await.unwrap();
    storage.put(&file, "hello world".into()).await.unwrap();
    storage.put(&root.join("chk-1/empty"), Bytes::new()).await.unwrap();
    storage.put(&root.join("chk-10/x"), "x".into()).await.unwrap();
    assert_eq!(storage.get(&file).await.unwrap(), "hello world");
    assert_eq!(storage.get(&root.join("chk-1/empty")).await.unwrap(), "");
    assert_eq!(storage.get_ranges(&file, &[6..8, 0..0, 2..3]).await.unwrap(), ["wo", "", "l"]);
    assert_eq!(storage.size(&file).await.unwrap(), Some(11));
    assert!(!storage.exists(&root.join("missing")).await.unwrap());
    let list = async |uri: &StorageUri| {
        storage.list(uri).await.unwrap().into_iter().map(|file| (file.uri, file.size)).collect::<Vec<_>>()
    };
    assert_eq!(list(&root.join("chk-1")).await, [(root.join("chk-1/empty"), 0), (file.clone(), 11)]);
    assert_eq!(list(&root.join("chk")).await, []);

    for range in [3..20, 15..20] {
        let error = storage.get_range(&file, range).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    }

    storage.delete(&file).await.unwrap();
    storage.delete(&file).await.unwrap();
    // The directory, not what begins with its name.
    storage.delete_dir(&root.join("chk-1")).await.unwrap();
    storage.delete_dir(&root.join("chk-1")).await.unwrap();
    assert_eq!(list(&root).await, [(root.join("chk-10/x"), 1)]);
}

#[tokio::test]
async fn nothing_is_created_over_other_content() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, file) = (server.storage(), root().join("_metadata"));
    storage.put_new(&file, "one".into()).await.unwrap();
    storage.put_new(&file, "one".into()).await.unwrap();
    let error = storage.put_new(&file, "two".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Exists), "{error}");
    assert_eq!(storage.get(&file).await.unwrap(), "one");
}

#[tokio::test]
async fn many_files_are_listed_and_deleted() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, root) = (server.storage(), root());
    // More than come in one answer, and than can be deleted by one request.
    let names: Vec<_> = (0..1100).map(|i| format!("f{i:04}")).collect();
    for some in names.chunks(50) {
        let writes = some.iter().map(|name| async { storage.put(&root.join(name), "x".into()).await });
        futures::future::try_join_all(writes).await.unwrap();
    }
    let found = storage.list(&root).await.unwrap();
    assert!(found.iter().map(|file| file.uri.name()).eq(&names));
    let files: Vec<_> = names[..40].iter().map(|name| StateFile { path: name.clone(), size: 1 }).collect();
    assert!(delete_files(&storage, &root, &files).await.is_empty());
    assert_eq!(storage.list(&root).await.unwrap().len(), 1060);
    storage.delete_dir(&root).await.unwrap();
    assert_eq!(storage.list(&root).await.unwrap(), []);
}

#[tokio::test]
async fn large_files_go_in_parts() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, root) = (server.storage(), root());
    let chunk = |i: u32| Bytes::from(i.to_le_bytes().repeat(250_000));
    let file = root.join("large");
    let mut writer = storage.writer(&file);
    for i in 0..30 {
        writer.write(chunk(i)).await.unwrap();
    }
    assert!(!storage.exists(&file).await.unwrap());
    assert_eq!(writer.finish().await.unwrap(), 30_000_000);
    assert_eq!(storage.size(&file).await.unwrap(), Some(30_000_000));
    for i in 0..30 {
        let begin = u64::from(i) * 1_000_000;
        assert_eq!(storage.get_range(&file, begin..begin + 1_000_000).await.unwrap(), chunk(i), "chunk {i}");
    }

    let mut writer = storage.writer(&root.join("aborted"));
    for i in 0..10 {
        writer.write(chunk(i)).await.unwrap();
    }
    writer.abort().await;
    assert!(!storage.exists(&root.join("aborted")).await.unwrap());
}

#[tokio::test]
async fn state_files_are_written_and_read() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, root) = (server.storage(), root());
    let (shared, base) = (root.join("shared"), root.join("chk-7"));
    let mut writer = StateFileWriter::new(&storage, &shared, &base, Default::default(), &Handle::current());
    let segment = |i: usize| Bytes::from(vec![i as u8; 8000 + i]);
    let mut requests = Vec::new();
    for i in 0..3000 {
        while writer.is_full() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let at = writer.write(segment(i)).unwrap();
        let file = at.file as usize - 1;
        requests.push(SegmentRequest { file, offset: at.offset, length: at.length, checksum: at.checksum });
    }
    let files = writer.finish().await.unwrap();
    let uris = files.iter().map(|file| base.resolve(&file.path).unwrap()).collect();
    let mut reader = StateFileReader::start(&storage, uris, requests, Default::default(), &Handle::current());
    for i in 0..3000 {
        let found = reader.next().await.unwrap().unwrap();
        assert!(found.request == i && found.bytes == segment(i), "segment {i}");
    }
    assert_eq!(reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn refusals_of_the_server_are_told() {
    let Some(server) = Server::with_bucket() else { return };
    let (storage, file) = (server.storage(), root().join("file"));
    let error = storage.get(&file).await.unwrap_err();
    assert!(error.is_missing(), "{error:?}");
    let nowhere: StorageUri = "s3://no-such-bucket/file".parse().unwrap();
    let error = storage.put(&nowhere, "x".into()).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert!(
        error.to_string().contains(
            "cannot write s3://no-such-bucket/file: the server answered 404 Not Found, NoSuchBucket"
        ),
        "{error}"
    );

    // From now on the server wants to know who is asking.
    server.send("POST", "/moto-api/reset-auth", "0");
    for error in [
        storage.put(&file, "x".into()).await.unwrap_err(),
        storage.put_new(&file, "x".into()).await.unwrap_err(),
        storage.get(&file).await.unwrap_err(),
        storage.list(&root()).await.unwrap_err(),
        storage.delete_dir(&root()).await.unwrap_err(),
        finish(&storage, &file).await.unwrap_err(),
    ] {
        assert_eq!(error.failure(), Some(FailureKind::Denied), "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("403 Forbidden, InvalidAccessKeyId"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
}

async fn finish(storage: &Storage, file: &StorageUri) -> Result<u64, Error> {
    let mut writer = storage.writer(file);
    writer.write(vec![1; 9 << 20].into()).await?;
    writer.finish().await
}

#[tokio::test]
async fn a_server_that_is_killed_or_stopped_may_come_back() {
    let Some(mut server) = Server::with_bucket() else { return };
    let file = root().join("file");
    let storage = Storage::open(&server.options("http").with_request_timeout(Duration::from_secs(2)));
    storage.put(&file, "x".into()).await.unwrap();

    server.signal("-STOP");
    let error = storage.put(&file, "y".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Unknown), "{error}");
    assert!(error.to_string().contains("no answer within 2s (tried 2 times)"), "{error}");
    server.signal("-CONT");
    storage.put(&file, "z".into()).await.unwrap();

    let mut writer = storage.writer(&root().join("large"));
    writer.write(vec![1; 9 << 20].into()).await.unwrap();
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let part = vec![2; 9 << 20];
    let cut = async {
        writer.write(part.into()).await?;
        writer.finish().await
    };
    for error in [
        cut.await.unwrap_err(),
        storage.get(&file).await.unwrap_err(),
        storage.put(&file, "x".into()).await.unwrap_err(),
        storage.size(&file).await.unwrap_err(),
        storage.list(&root()).await.unwrap_err(),
        storage.delete(&file).await.unwrap_err(),
    ] {
        assert!(error.is_transient(), "{error:?}");
        let text = error.to_string();
        let server = format!("no answer from 127.0.0.1:{}: Connection refused", server.port);
        assert!(text.contains(&server) && text.contains("s3://flott/some dir/job"), "{text}");
    }
}

/// Run by the test below as a process of its own: which authorities are trusted stands in the environment.
#[tokio::test]
#[ignore = "needs FLOTT_TEST_ENDPOINT_PORT"]
async fn tls_client() {
    let port = std::env::var("FLOTT_TEST_ENDPOINT_PORT").unwrap().parse().unwrap();
    // Not a server of ours: the process only stands for one.
    let process = Command::new("true").spawn().unwrap();
    let server = Server { process, port };
    let storage = Storage::open(&server.options("https"));
    match storage.list(&root()).await {
        Ok(_) => panic!("a bucket that is not there was listed"),
        Err(error) => println!("transient: {}; {error}", error.is_transient()),
    }
}

#[test]
fn certificates_are_verified() {
    let directory = tempfile::TempDir::new().unwrap();
    let authority = directory.path().join("authority.pem");
    let Some(server) = Server::start(&["--tls", authority.to_str().unwrap()]) else { return };
    let run = |trusted: &Path| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls_client", "--ignored", "--nocapture"])
            .env("FLOTT_TEST_ENDPOINT_PORT", server.port.to_string())
            .env("SSL_CERT_FILE", trusted)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let text = run(&authority);
    assert!(text.contains("transient: false") && text.contains("NoSuchBucket"), "{text}");
    let other = directory.path().join("other.pem");
    drop(Server::start(&["--tls", other.to_str().unwrap()]));
    let text = run(&other);
    assert!(text.contains("transient: false") && text.contains("invalid peer certificate"), "{text}");
    std::fs::write(&other, "").unwrap();
    let text = run(&other);
    assert!(text.contains("transient: false") && text.contains("no certificate authorities"), "{text}");
}
