#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use flott_rpc::{
    artifacts_server,
    pb::{DownloadRequest, DownloadResponse, artifacts_server::Artifacts},
    server_builder, tcp_channel,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::{
    Request, Response, Status,
    transport::{Channel, server::TcpIncoming},
};

use super::*;
use crate::uplink::Uplink;

/// A JobManager's artifacts, with faults.
#[derive(Clone, Default)]
struct Fake(Arc<State>);

#[derive(Default)]
struct State {
    contents: Mutex<HashMap<String, Vec<u8>>>,
    offsets: Mutex<Vec<u64>>,
    /// After how many bytes each of the next calls breaks.
    breaks: Mutex<Vec<usize>>,
    calls: AtomicUsize,
}

impl Fake {
    fn put(&self, content: &[u8]) -> ArtifactDigest {
        let digest = ArtifactDigest::of(content);
        self.0.contents.lock().unwrap().insert(digest.to_string(), content.to_vec());
        digest
    }
}

#[tonic::async_trait]
impl Artifacts for Fake {
    type DownloadStream = tokio_stream::Iter<std::vec::IntoIter<Result<DownloadResponse, Status>>>;

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let DownloadRequest { digest, offset } = request.into_inner();
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        self.0.offsets.lock().unwrap().push(offset);
        let contents = self.0.contents.lock().unwrap();
        let content = contents.get(&digest).ok_or_else(|| Status::not_found("no such artifact"))?;
        let rest = &content[usize::try_from(offset).unwrap()..];
        let broken_after = self.0.breaks.lock().unwrap().pop();
        let sent = &rest[..broken_after.unwrap_or(rest.len()).min(rest.len())];
        let mut messages: Vec<_> =
            sent.chunks(1000).map(|chunk| Ok(DownloadResponse { data: chunk.to_vec().into() })).collect();
        if broken_after.is_some() {
            messages.push(Err(Status::unavailable("broken")));
        }
        Ok(Response::new(tokio_stream::iter(messages)))
    }
}

/// A cache with the leader that it asks.
struct Cache {
    cache: ArtifactCache,
    leader: LeaderChannel,
}

impl Cache {
    async fn get(&self, digest: ArtifactDigest) -> Result<CachedArtifact, FetchError> {
        self.cache.get(digest, &self.leader).await
    }
}

async fn serve(fake: &Fake) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server_builder().add_service(artifacts_server(fake.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    tcp_channel(&address).unwrap()
}

async fn cache_of(fake: &Fake, max_bytes: u64) -> (Cache, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::new(dir.path().to_owned(), max_bytes);
    (Cache { cache, leader: LeaderChannel::fixed(serve(fake).await) }, dir)
}

#[tokio::test]
async fn concurrent_requests_share_one_download() {
    let fake = Fake::default();
    let digest = fake.put(&[7; 10_000]);
    let (cache, _dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    let all = futures::future::join_all((0..8).map(|_| cache.get(digest))).await;
    for artifact in all {
        assert_eq!(fs::read(artifact.unwrap().path()).unwrap(), [7; 10_000]);
    }
    assert_eq!(fake.0.calls.load(Ordering::SeqCst), 1);
    let path = cache.get(digest).await.unwrap().path().to_owned();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o500);
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_ended() {
    let fake = Fake::default();
    let content: Vec<u8> = (0..10_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let digest = fake.put(&content);
    fake.0.breaks.lock().unwrap().extend([2000, 3000]);
    let (cache, _dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    let artifact = cache.get(digest).await.unwrap();
    assert_eq!(fs::read(artifact.path()).unwrap(), content);
    assert_eq!(*fake.0.offsets.lock().unwrap(), [0, 3000, 5000]);
}

#[tokio::test]
async fn a_part_of_an_abandoned_download_is_used() {
    let fake = Fake::default();
    let digest = fake.put(&[5; 4000]);
    let (cache, dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    fs::write(dir.path().join(format!("{digest}.part")), [5; 1500]).unwrap();
    cache.get(digest).await.unwrap();
    assert_eq!(*fake.0.offsets.lock().unwrap(), [1500]);
}

#[tokio::test]
async fn a_damaged_part_is_fetched_again_from_the_start() {
    let fake = Fake::default();
    let digest = fake.put(&[5; 4000]);
    let (cache, dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    fs::write(dir.path().join(format!("{digest}.part")), [6; 1500]).unwrap();
    let artifact = cache.get(digest).await.unwrap();
    assert_eq!(fs::read(artifact.path()).unwrap(), [5; 4000]);
    assert_eq!(*fake.0.offsets.lock().unwrap(), [1500, 0]);
}

#[tokio::test]
async fn other_content_is_refused_and_leaves_nothing() {
    let fake = Fake::default();
    let digest = ArtifactDigest::of(b"wanted");
    fake.0.contents.lock().unwrap().insert(digest.to_string(), b"other".to_vec());
    let (cache, dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    let error = cache.get(digest).await.unwrap_err();
    assert!(matches!(error, FetchError::OtherContent { found, .. } if found == ArtifactDigest::of(b"other")));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_artifact_that_is_not_there_is_not_waited_for() {
    let fake = Fake::default();
    let (cache, _dir) = cache_of(&fake, MAX_CACHE_BYTES).await;
    let error = cache.get(ArtifactDigest::of(b"nothing")).await.unwrap_err();
    assert!(error.to_string().starts_with("the JobManager does not have artifact "), "{error}");
}

#[tokio::test]
async fn beyond_the_limit_the_longest_unused_go() {
    let fake = Fake::default();
    let digests: Vec<_> = (0..4_u8).map(|byte| fake.put(&[byte; 1000])).collect();
    let (cache, dir) = cache_of(&fake, 2500).await;
    let is_kept = |digest| path_of(dir.path(), digest).exists();
    let in_use = cache.get(digests[0]).await.unwrap();
    cache.get(digests[1]).await.unwrap();
    cache.get(digests[2]).await.unwrap();
    // The oldest is in use, so the next oldest went.
    assert_eq!(digests.iter().map(|&digest| is_kept(digest)).collect::<Vec<_>>(), [true, false, true, false]);
    drop(in_use);
    cache.get(digests[3]).await.unwrap();
    assert_eq!(digests.iter().map(|&digest| is_kept(digest)).collect::<Vec<_>>(), [false, false, true, true]);
    // What went is fetched again.
    cache.get(digests[1]).await.unwrap();
    assert!(is_kept(digests[1]));
}

fn path_of(dir: &Path, digest: ArtifactDigest) -> PathBuf {
    download::path_of(dir, digest)
}

#[tokio::test]
async fn a_download_goes_on_with_the_next_leader() {
    let (first, second) = (Fake::default(), Fake::default());
    let content = vec![5; 10_000];
    let digest = first.put(&content);
    second.put(&content);
    // The first one never gets any further than that.
    first.0.breaks.lock().unwrap().extend([0, 0, 0, 0, 0, 4000]);
    let (uplink, uplinks) = watch::channel(None);
    let leader = LeaderChannel::new(uplinks);
    let dir = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::new(dir.path().to_owned(), MAX_CACHE_BYTES);
    // There is no leader yet, so it waits for one.
    let fetching = tokio::spawn(async move { cache.get(digest, &leader).await });
    let first_channel = serve(&first).await;
    uplink.send_replace(Some(Uplink::for_tests(1, first_channel)));
    while first.0.calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    uplink.send_replace(Some(Uplink::for_tests(2, serve(&second).await)));
    let artifact = fetching.await.unwrap().unwrap();
    assert_eq!(fs::read(artifact.path()).unwrap(), content);
    assert_eq!(*second.0.offsets.lock().unwrap(), [4000]);
}
