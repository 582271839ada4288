use std::convert::Infallible;

use super::*;
use crate::{ErrorKind, Rejection, test_support::fake_job};

const LIMIT: u64 = 10 << 20;

fn store(directory: &Path) -> ArtifactStore {
    ArtifactStore::open(directory, LIMIT).unwrap()
}

fn pieces(content: &[u8]) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let pieces: Vec<_> = content.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::stream::iter(pieces)
}

async fn upload(store: &ArtifactStore, content: &[u8]) -> Result<ArtifactView, Error> {
    store.upload("word-count", pieces(content)).await
}

fn blobs(directory: &Path) -> usize {
    fs::read_dir(directory.join(index::BLOBS)).unwrap().count()
}

#[tokio::test]
async fn uploads_of_one_program_share_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let first = upload(&store, fake_job()).await.unwrap();
    let second = upload(&store, fake_job()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.digest, second.digest);
    assert_eq!(first.digest, ArtifactDigest::of(fake_job()).to_string());
    assert_eq!(first.size, fake_job().len() as u64);
    assert!(first.id.as_str().ends_with("_word-count"));
    assert_eq!((store.list().len(), blobs(dir.path())), (2, 1));

    store.delete(&first.id).await.unwrap();
    assert_eq!((store.list().len(), blobs(dir.path())), (1, 1));
    store.delete(&second.id).await.unwrap();
    assert_eq!((store.list().len(), blobs(dir.path())), (0, 0));
    assert!(matches!(store.delete(&second.id).await, Err(Error::ArtifactNotFound(_))));
}

#[tokio::test]
async fn content_stays_while_a_job_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let id = upload(&store, fake_job()).await.unwrap().id;
    let (one, other) = (store.lease(&id).unwrap(), store.lease(&id).unwrap());
    store.delete(&id).await.unwrap();
    assert!(matches!(store.lease(&id), Err(Error::ArtifactNotFound(_))));
    drop(one);
    assert_eq!(fs::read(other.path()).unwrap(), fake_job());
    store.read(other.digest()).await.unwrap();
    let digest = other.digest();
    drop(other);
    assert_eq!(blobs(dir.path()), 0);
    assert!(matches!(store.read(digest).await, Err(Error::DigestNotFound(_))));
}

#[tokio::test]
async fn a_restarted_store_knows_its_uploads_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let before = store(dir.path());
    let kept = upload(&before, fake_job()).await.unwrap();
    drop(before);
    fs::write(dir.path().join("broken.json"), "{").unwrap();
    fs::write(dir.path().join(index::BLOBS).join(".upload-x"), "half").unwrap();

    let after = store(dir.path());
    assert_eq!(after.list(), std::slice::from_ref(&kept));
    after.sweep().await.unwrap();
    assert_eq!(blobs(dir.path()), 1);
    assert_eq!(after.lease(&kept.id).unwrap().digest().to_string(), kept.digest);
}

#[tokio::test]
async fn the_content_of_a_job_that_goes_on_is_kept_though_its_upload_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let before = store(dir.path());
    let upload = upload(&before, fake_job()).await.unwrap();
    let lease = before.lease(&upload.id).unwrap();
    before.delete(&upload.id).await.unwrap();
    // The process dies: nothing is cleared away.
    std::mem::forget(lease);
    drop(before);

    let after = store(dir.path());
    let lease = after.lease_digest(&upload.digest).expect("it is still there");
    after.sweep().await.unwrap();
    assert_eq!(fs::read(lease.path()).unwrap(), fake_job());
    drop(lease);
    assert_eq!(blobs(dir.path()), 0);
    assert!(after.lease_digest(&upload.digest).is_none());
    assert!(after.lease_digest("../x").is_none());
}

#[tokio::test]
async fn refused_uploads_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(dir.path(), 5000).unwrap();
    let text = upload(&store, b"hello").await.unwrap_err();
    assert_eq!(text.kind(), ErrorKind::Rejected(Rejection::Invalid));
    assert!(text.to_string().contains("text file"), "{text}");

    let large = upload(&store, &[0; 5001]).await.unwrap_err();
    assert_eq!(large.kind(), ErrorKind::Rejected(Rejection::TooLarge));

    let broken = futures::stream::iter([Ok(Bytes::from_static(b"half")), Err("connection reset")]);
    assert!(matches!(store.upload("a", broken).await, Err(Error::UploadBroken(_))));
    assert!(matches!(store.upload("/", pieces(fake_job())).await, Err(Error::NamelessArtifact)));
    assert_eq!((store.list().len(), blobs(dir.path())), (0, 0));
}

#[tokio::test]
async fn a_temporary_store_vanishes_with_its_last_user() {
    let root = tempfile::tempdir().unwrap();
    let store = ArtifactStore::temporary(root.path(), LIMIT).unwrap();
    let id = upload(&store, fake_job()).await.unwrap().id;
    let lease = store.lease(&id).unwrap();
    drop(store);
    assert!(lease.path().exists());
    drop(lease);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}
