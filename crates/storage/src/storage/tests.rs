use tempfile::TempDir;

use super::*;
use crate::testing::{Fault, Faults};

fn storage() -> (Storage, StorageUri, TempDir) {
    with(StorageOptions::default())
}

fn with(options: StorageOptions) -> (Storage, StorageUri, TempDir) {
    let directory = TempDir::new().unwrap();
    let uri = StorageUri::from_local(&directory.path().join("a b%20c")).unwrap();
    (Storage::open(&options), uri, directory)
}

fn faulty() -> (Storage, StorageUri, TempDir, Faults) {
    let faults = Faults::default();
    let options =
        StorageOptions::default().with_faults(faults.clone()).with_request_timeout(Duration::from_secs(5));
    let (storage, uri, directory) = with(options);
    (storage, uri, directory, faults)
}

/// Everything on disk, also what listings leave out.
fn on_disk(uri: &StorageUri) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(uri.local_path().unwrap()) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn futures_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let (storage, uri, _directory) = storage();
    is_send(storage.put(&uri, Bytes::new()));
    is_send(storage.get_ranges(&uri, &[]));
    is_send(storage.list(&uri));
    is_send(storage.delete_dir(&uri));
    is_send(storage.writer(&uri).write(Bytes::new()));
    is_send(storage.writer(&uri).finish());
}

#[tokio::test]
async fn files_are_written_read_listed_and_deleted() {
    let (storage, root, _directory) = storage();
    let file = root.join("x/y/file");
    storage.put(&file, "hello".into()).await.unwrap();
    storage.put(&file, "hello world".into()).await.unwrap();
    storage.put(&root.join("x/z"), Bytes::new()).await.unwrap();
    assert_eq!(storage.get(&file).await.unwrap(), "hello world");
    assert_eq!(storage.get(&root.join("x/z")).await.unwrap(), "");
    assert_eq!(storage.get_range(&file, 6..11).await.unwrap(), "world");
    assert_eq!(storage.get_ranges(&file, &[6..8, 0..0, 2..3]).await.unwrap(), ["wo", "", "l"]);
    assert_eq!(storage.size(&file).await.unwrap(), Some(11));
    let found: Vec<_> =
        storage.list(&root).await.unwrap().into_iter().map(|file| (file.uri, file.size)).collect();
    assert_eq!(found, [(file.clone(), 11), (root.join("x/z"), 0)]);

    storage.delete(&file).await.unwrap();
    storage.delete(&file).await.unwrap();
    assert!(!storage.exists(&file).await.unwrap());
    storage.delete_dir(&root.join("x")).await.unwrap();
    storage.delete_dir(&root.join("x")).await.unwrap();
    assert_eq!(storage.list(&root).await.unwrap(), []);
    assert_eq!(storage.list(&root.join("never was")).await.unwrap(), []);
    assert_eq!(on_disk(&root), [""; 0]);
}

#[tokio::test]
async fn missing_files_are_named() {
    let (storage, root, _directory) = storage();
    let file = root.join("file");
    let error = storage.get(&file).await.unwrap_err();
    assert!(error.is_missing() && !error.is_transient(), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot read {file}: No such file or directory (os error 2)"));
    assert!(storage.get_range(&file, 0..1).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn a_file_that_is_too_short_is_damaged_there() {
    let (storage, root, _directory) = storage();
    let file = root.join("file");
    storage.put(&file, "hello".into()).await.unwrap();
    for range in [3..9, 7..9] {
        let error = storage.get_range(&file, range).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { offset: 5, .. }), "{error:?}");
        assert!(error.to_string().starts_with(&format!("{file} is damaged at byte 5:")), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_created_over_other_content() {
    let (storage, root, _directory) = storage();
    let file = root.join("file");
    storage.put_new(&file, "one".into()).await.unwrap();
    storage.put_new(&file, "one".into()).await.unwrap();
    let error = storage.put_new(&file, "two".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Exists));
    assert_eq!(storage.get(&file).await.unwrap(), "one");
    assert_eq!(on_disk(&root), ["file"]);
}

#[tokio::test]
async fn large_files_appear_when_they_are_finished() {
    let (storage, root, _directory) = storage();
    let file = root.join("d/file");
    let mut writer = storage.writer(&file);
    let chunk = Bytes::from(vec![7; 300_000]);
    for _ in 0..10 {
        writer.write(chunk.clone()).await.unwrap();
    }
    assert!(!storage.exists(&file).await.unwrap());
    assert_eq!(storage.list(&root).await.unwrap(), []);
    assert_eq!(writer.finish().await.unwrap(), 3_000_000);
    assert!(storage.get(&file).await.unwrap().iter().all(|byte| *byte == 7));
    assert_eq!(on_disk(&root.join("d")), ["file"]);
    assert_eq!(storage.writer(&root.join("empty")).finish().await.unwrap(), 0);
    assert_eq!(storage.size(&root.join("empty")).await.unwrap(), Some(0));
}

#[tokio::test]
async fn nothing_is_left_of_a_file_that_is_given_up() {
    let (storage, root, _directory, faults) = faulty();
    let chunk = Bytes::from(vec![7; 3 << 20]);
    let mut writer = storage.writer(&root.join("aborted"));
    writer.write(chunk.clone()).await.unwrap();
    assert_eq!(on_disk(&root).len(), 1);
    writer.abort().await;
    assert_eq!(on_disk(&root), [""; 0]);

    let mut writer = storage.writer(&root.join("dropped"));
    writer.write(chunk.clone()).await.unwrap();
    drop(writer);
    assert_eq!(on_disk(&root), [""; 0]);

    let mut writer = storage.writer(&root.join("full"));
    writer.write(chunk.clone()).await.unwrap();
    faults.add(Fault::fail(FailureKind::Full).at("/full"));
    let error = writer.write(chunk).await.unwrap_err();
    assert!(error.is_full(), "{error:?}");
    drop(writer.finish().await.unwrap_err());
    assert_eq!(on_disk(&root), [""; 0]);
}

#[tokio::test]
async fn a_root_is_never_deleted() {
    let (storage, ..) = storage();
    for root in ["file:/", "s3://bucket"] {
        let error = storage.delete_dir(&root.parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("a root is never deleted"), "{error}");
    }
}

#[tokio::test]
async fn a_file_in_the_way_is_no_directory() {
    let (storage, root, _directory) = storage();
    storage.put(&root.join("file"), "x".into()).await.unwrap();
    for error in [
        storage.put(&root.join("file/below"), "x".into()).await.unwrap_err(),
        storage.writer(&root.join("file/below")).finish().await.unwrap_err(),
    ] {
        assert!(!error.is_transient() && !error.is_missing(), "{error:?}");
        assert!(error.to_string().contains("file/below"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    let (storage, root, _directory, faults) = faulty();
    let file = root.join("file");
    faults.add(Fault::fail(FailureKind::Unavailable).times(2));
    storage.put(&file, "x".into()).await.unwrap();
    assert_eq!(faults.hits(), 2);

    faults.clear();
    faults.add(Fault::fail(FailureKind::Unavailable).on(Operation::Read));
    let error = storage.get(&file).await.unwrap_err();
    assert_eq!((faults.hits(), error.is_transient()), (3, true));
    assert_eq!(error.to_string(), format!("cannot read {file}: a fault was injected (tried 3 times)"));

    for kind in [FailureKind::Full, FailureKind::Denied, FailureKind::Missing, FailureKind::Permanent] {
        faults.clear();
        faults.add(Fault::fail(kind).on(Operation::Write));
        let error = storage.put(&file, "y".into()).await.unwrap_err();
        assert_eq!((faults.hits(), error.failure()), (1, Some(kind)));
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_ends() {
    let (storage, root, _directory, faults) = faulty();
    faults.add(Fault::hang());
    let error = storage.get(&root).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Unknown));
    assert!(error.to_string().contains("no answer within 5s (tried 3 times)"), "{error}");
    assert_eq!(faults.hits(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_write_is_no_failure() {
    let (storage, root, _directory, faults) = faulty();
    for operation in [Operation::Write, Operation::Create] {
        faults.clear();
        faults.add(Fault::fail_after(FailureKind::Unknown).on(operation));
        let file = root.join(&operation.to_string());
        match operation {
            Operation::Create => storage.put_new(&file, "x".into()).await.unwrap(),
            _ => storage.put(&file, "x".into()).await.unwrap(),
        }
        assert_eq!(storage.get(&file).await.unwrap(), "x");
    }
    // Whose work cannot be seen has failed, as far as is known.
    faults.clear();
    faults.add(Fault::fail(FailureKind::Unknown).on(Operation::Write));
    let error = storage.put(&root.join("other"), "x".into()).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Unknown));
}

#[test]
fn errors_of_the_system_have_kinds() {
    let kind = |code: i32| {
        let source = Box::new(std::io::Error::from_raw_os_error(code));
        classify::failure(object_store::Error::Generic { store: "test", source }).kind
    };
    assert_eq!(kind(28), FailureKind::Full); // ENOSPC
    assert_eq!(kind(122), FailureKind::Full); // EDQUOT
    assert_eq!(kind(13), FailureKind::Denied); // EACCES
    assert_eq!(kind(30), FailureKind::Denied); // EROFS
    assert_eq!(kind(116), FailureKind::Unavailable); // ESTALE
    assert_eq!(kind(20), FailureKind::Permanent); // ENOTDIR
}

#[tokio::test]
async fn what_killed_processes_left_is_deleted_when_it_is_old() {
    let (storage, root, _directory) = storage();
    storage.put(&root.join("file"), "x".into()).await.unwrap();
    for name in ["file#1", "file#123456", "file#x", "file#"] {
        std::fs::write(root.join(name).local_path().unwrap(), "left").unwrap();
    }
    assert_eq!(storage.delete_unfinished(&root, Duration::from_secs(60)).await.unwrap(), 0);
    assert_eq!(storage.delete_unfinished(&root, Duration::ZERO).await.unwrap(), 2);
    assert_eq!(on_disk(&root), ["file", "file#", "file#x"]);
    assert_eq!(storage.delete_unfinished(&root.join("never was"), Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn slow_answers_are_awaited_until_it_is_too_late() {
    let (storage, root, _directory, faults) = faulty();
    let file = root.join("file");
    faults.add(Fault::delay(Duration::from_secs(4)));
    storage.put(&file, "x".into()).await.unwrap();
    assert_eq!(storage.list(&root).await.unwrap().len(), 1);
    faults.clear();
    faults.add(Fault::delay(Duration::from_secs(6)));
    for error in [
        storage.list(&root).await.unwrap_err(),
        storage.delete_dir(&root).await.unwrap_err(),
        storage.get(&file).await.unwrap_err(),
    ] {
        assert_eq!(error.failure(), Some(FailureKind::Unknown), "{error}");
    }
}
