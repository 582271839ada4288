use flott_core::{
    CheckpointId, JobId, Partitioner, VertexIndex,
    checkpoint::{
        Blob, EnumerationState, OperatorState, OperatorSubtaskState, SavepointFormat, SnapshotKind,
        SourceQueueState, StopMode, VertexState,
    },
};
use tempfile::TempDir;

use super::*;
use crate::{
    FailureKind, Operation, StorageOptions,
    testing::{Fault, Faults},
};

/// One of everything; also what the golden file holds.
fn example() -> CheckpointMetadata {
    let file = |path: &str, size| StateFile { path: path.into(), size };
    let subtask = OperatorSubtaskState {
        uid: "count".into(),
        manifest: Blob::Inline(vec![1, 2, 3]),
        files: vec![file("../shared/8c5e", 1 << 33)],
        has_union: true,
        state_size: 12345,
    };
    CheckpointMetadata {
        job_id: JobId::from_bytes([7; 16]),
        job_name: "word count".into(),
        checkpoint_id: CheckpointId(42),
        kind: SnapshotKind::Savepoint {
            directory: "file:/sp/savepoint-070707".into(),
            format: SavepointFormat::Native,
            stop: Some(StopMode::Drain),
        },
        triggered_at: 1_700_000_000_000,
        operators: vec![OperatorState {
            uid: "count".into(),
            name: "Count".into(),
            parallelism: 2,
            max_parallelism: 128,
            subtasks: vec![Some(subtask), None],
        }],
        vertices: vec![VertexState {
            uids: vec!["source".into(), "count".into()],
            finished: vec![false, true],
            watermarks: Vec::new(),
            channels: vec![None, Some(Blob::File(file("a0b1", 77)))],
        }],
        sources: vec![SourceQueueState {
            uid: "source".into(),
            remaining: vec![serde_bytes::ByteBuf::from(vec![9; 3])],
            enumeration: EnumerationState::Underway(vec![5]),
        }],
    }
}

fn storage() -> (Storage, StorageUri, TempDir, Faults) {
    let directory = TempDir::new().unwrap();
    let faults = Faults::default();
    let storage = Storage::open(&StorageOptions::default().with_faults(faults.clone()));
    (storage, StorageUri::from_local(directory.path()).unwrap(), directory, faults)
}

#[test]
fn golden_file_of_version_1() {
    let golden = Bytes::from_static(include_bytes!("../../tests/golden/metadata-1.bin"));
    assert_eq!(decode(&"golden", &golden).unwrap(), (example(), Vec::new()));
}

#[test]
fn golden_file_of_version_2() {
    let (source, target) = (VertexIndex(0), VertexIndex(3));
    let edges = vec![JobEdge { source, target, partitioner: Partitioner::Hash }];
    crate::golden::check("metadata-2", &encode(&"test", &example(), &edges).unwrap(), |bytes| {
        assert_eq!(decode(&"golden", bytes).unwrap(), (example(), edges.clone()));
    });
}

#[tokio::test]
async fn it_is_found_by_its_directory_and_by_its_own_path() {
    let (storage, root, ..) = storage();
    let directory = root.join("chk-42");
    let file = store_metadata(&storage, &directory, &example()).await.unwrap();
    assert_eq!(file.path, "_metadata");
    for uri in [directory.clone(), directory.join("_metadata")] {
        let found = load_metadata(&storage, &uri).await.unwrap();
        assert_eq!((&found.metadata, &found.directory), (&example(), &directory));
        assert_eq!((found.file, found.size), (directory.join("_metadata"), file.size));
    }
    // A file that was renamed is one all the same.
    std::fs::rename(
        directory.join("_metadata").local_path().unwrap(),
        root.join("mine").local_path().unwrap(),
    )
    .unwrap();
    assert_eq!(load_metadata(&storage, &root.join("mine")).await.unwrap().directory, root);
}

#[test]
fn futures_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let (storage, root, ..) = storage();
    is_send(store_metadata(&storage, &root, &example()));
    is_send(load_metadata(&storage, &root));
    is_send(crate::delete_files(&storage, &root, &[]));
    is_send(crate::verify_state_file(&storage, &root));
}

#[tokio::test]
async fn it_is_written_once() {
    let (storage, root, ..) = storage();
    store_metadata(&storage, &root, &example()).await.unwrap();
    store_metadata(&storage, &root, &example()).await.unwrap();
    let other = CheckpointMetadata { job_name: "other".into(), ..example() };
    let error = store_metadata(&storage, &root, &other).await.unwrap_err();
    assert_eq!(error.failure(), Some(FailureKind::Exists));
    assert_eq!(load_metadata(&storage, &root).await.unwrap().metadata, example());
}

#[tokio::test]
async fn a_wrong_path_is_answered_with_what_is_there() {
    let (storage, root, ..) = storage();
    let problem = async |uri: &StorageUri| {
        let error = load_metadata(&storage, uri).await.unwrap_err();
        assert!(error.is_missing(), "{error:?}");
        error.to_string()
    };
    let nothing = root.join("nothing");
    assert_eq!(
        problem(&nothing).await,
        format!(
            "there is no checkpoint or savepoint at {nothing}: looked for {nothing}/_metadata, but there is no such directory, \
             or nothing in it"
        )
    );
    storage.put(&root.join("job/shared/x"), "x".into()).await.unwrap();
    assert!(problem(&root.join("job")).await.ends_with("but the directory has only shared/x"));
    store_metadata(&storage, &root.join("job/chk-3"), &example()).await.unwrap();
    assert!(
        problem(&root.join("job")).await.ends_with(&format!("; there is one in {}", root.join("job/chk-3")))
    );
}

#[tokio::test]
async fn other_problems_are_not_taken_for_a_missing_file() {
    let (storage, root, _directory, faults) = storage();
    store_metadata(&storage, &root, &example()).await.unwrap();
    for kind in [FailureKind::Denied, FailureKind::Permanent] {
        faults.clear();
        faults.add(Fault::fail(kind).on(Operation::Read).at("_metadata"));
        assert_eq!(load_metadata(&storage, &root).await.unwrap_err().failure(), Some(kind));
    }
    faults.clear();
    storage.put(&root.join("_metadata"), "no metadata".into()).await.unwrap();
    let error = load_metadata(&storage, &root).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("{root}/_metadata is damaged at byte 0:")), "{error}");
}

#[test]
fn truncated_and_changed_payloads_are_refused() {
    let file = encode(&"f", &example(), &[]).unwrap();
    let payload = &file[HEADER_LENGTH..];
    for length in 0..payload.len() {
        let error = decode(&"f", &envelope::seal(FileKind::Metadata, &payload[..length])).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    }
    let longer = [payload, b"xy"].concat();
    let error = decode(&"f", &envelope::seal(FileKind::Metadata, &longer)).unwrap_err();
    assert_eq!(error.to_string(), format!("f is damaged at byte {}: 2 bytes too many", file.len()));
    // Lengths that nothing follows: no such amounts are allocated.
    for byte in 0..payload.len() {
        let mut changed = payload.to_vec();
        changed.splice(byte..byte + 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        drop(decode(&"f", &envelope::seal(FileKind::Metadata, &changed)));
    }
}
