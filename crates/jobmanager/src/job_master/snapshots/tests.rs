use flott_control::job_master::ManualCheckpoint;
use flott_core::checkpoint::{Blob, OperatorState, OperatorSubtaskState, SavepointFormat, StateFile};
use flott_storage::{METADATA_FILE, StorageOptions, load_metadata};

use super::*;

const JOB: JobId = JobId::from_bytes([3; 16]);

struct Bench {
    _dir: tempfile::TempDir,
    root: StorageUri,
    storage: Storage,
    snapshots: Snapshots,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root: StorageUri = dir.path().to_str().unwrap().parse().unwrap();
        let storage = Storage::open(&StorageOptions::default().with_attempts(1, Duration::ZERO));
        let spec = SnapshotSpec {
            storage: storage.clone(),
            directory: root.join("job"),
            is_prepared: false,
            history: 10,
            initial: None,
        };
        Self { _dir: dir, snapshots: Snapshots::new(&spec, JOB), root, storage }
    }

    async fn put(&self, name: &str, content: &'static str) {
        self.storage.put(&self.root.join(name), content.into()).await.unwrap();
    }

    async fn names(&self) -> Vec<String> {
        let files = self.storage.list(&self.root).await.unwrap();
        files.into_iter().map(|file| file.uri.relative_to(&self.root)).collect()
    }

    async fn stored(&mut self) -> Result<StoredMetadata, FailureCause> {
        match self.snapshots.done().await {
            Some(Done::Stored { result, .. }) => result,
            done => panic!("{done:?}"),
        }
    }
}

fn metadata(kind: SnapshotKind, file: StateFile) -> Arc<CheckpointMetadata> {
    let state = OperatorSubtaskState {
        uid: "count".to_owned(),
        manifest: Blob::File(file),
        files: Vec::new(),
        has_union: false,
        state_size: 3,
    };
    Arc::new(CheckpointMetadata {
        job_id: JOB,
        job_name: "job".to_owned(),
        checkpoint_id: CheckpointId(7),
        kind,
        triggered_at: 0,
        operators: vec![OperatorState {
            uid: "count".to_owned(),
            name: "count".to_owned(),
            parallelism: 1,
            max_parallelism: 128,
            subtasks: vec![Some(state)],
        }],
        vertices: Vec::new(),
        sources: Vec::new(),
    })
}

fn savepoint(directory: &StorageUri, file: StateFile) -> Arc<CheckpointMetadata> {
    let directory = directory.to_string();
    metadata(SnapshotKind::Savepoint { directory, format: SavepointFormat::Canonical, stop: None }, file)
}

#[tokio::test]
async fn metadata_is_stored_and_can_be_read() {
    let mut bench = Bench::new();
    let directory = bench.root.join("job/chk-7");
    let file = StateFile { path: "a".to_owned(), size: 3 };
    let metadata = metadata(SnapshotKind::Checkpoint { full: true }, file);
    bench.snapshots.store(CheckpointId(7), directory.to_string(), metadata.clone());
    let stored = bench.stored().await.unwrap();
    assert_eq!(stored.uri, directory.join(METADATA_FILE).to_string());
    let loaded = load_metadata(&bench.storage, &directory).await.unwrap();
    assert_eq!((loaded.metadata, loaded.size), ((*metadata).clone(), stored.size));
}

#[tokio::test]
async fn storage_that_fails_fails_the_checkpoint_as_a_fault_of_the_storage() {
    let mut bench = Bench::new();
    bench.put("job", "a file where the directory should be").await;
    let file = StateFile { path: "a".to_owned(), size: 3 };
    let directory = bench.root.join("job/chk-7").to_string();
    let metadata = metadata(SnapshotKind::Checkpoint { full: true }, file);
    bench.snapshots.store(CheckpointId(7), directory.clone(), metadata);
    let cause = bench.stored().await.unwrap_err();
    assert_eq!(cause.kind, FailureKind::External);
    assert!(cause.message.contains("chk-7/_metadata"), "{cause}");
}

#[tokio::test]
async fn a_savepoint_of_which_files_are_missing_is_none() {
    let mut bench = Bench::new();
    let directory = bench.root.join("savepoint-1");
    let store = |bench: &mut Bench, size| {
        let metadata = savepoint(&directory, StateFile { path: "a".to_owned(), size });
        bench.snapshots.store(CheckpointId(7), directory.to_string(), metadata);
    };
    store(&mut bench, 3);
    let cause = bench.stored().await.unwrap_err();
    assert!(cause.message.contains("savepoint-1/a was written by a TaskManager but is not seen"), "{cause}");

    bench.put("savepoint-1/a", "abc").await;
    store(&mut bench, 4);
    let cause = bench.stored().await.unwrap_err();
    assert!(cause.message.contains("has 3 bytes, but 4 were written"), "{cause}");
    assert_eq!(bench.names().await, ["savepoint-1/a"], "no metadata says that there is a savepoint");

    store(&mut bench, 3);
    bench.stored().await.unwrap();
}

#[tokio::test]
async fn nothing_is_deleted_before_earlier_stores_have_ended() {
    let mut bench = Bench::new();
    for name in ["job/chk-1/a", "job/chk-1/_metadata", "job/shared/b", "job/shared/c"] {
        bench.put(name, "x").await;
    }
    let uri = |name: &str| bench.root.join(name).to_string();
    let (directory, shared, first) = (uri("job/chk-2"), uri("job/shared/b"), uri("job/chk-1"));
    let file = StateFile { path: "../shared/c".to_owned(), size: 1 };
    let metadata = metadata(SnapshotKind::Checkpoint { full: false }, file);
    bench.snapshots.store(CheckpointId(2), directory, metadata);
    bench.snapshots.delete(vec![shared, "not a place".to_owned()], vec![first]);
    assert!(!bench.snapshots.is_deleting);
    bench.stored().await.unwrap();
    assert!(matches!(bench.snapshots.done().await, Some(Done::Deleted)));
    assert!(bench.snapshots.done().await.is_none());
    assert_eq!(bench.names().await, ["job/chk-2/_metadata", "job/shared/c"]);
}

#[tokio::test]
async fn the_directory_of_a_job_without_checkpoints_comes_and_goes_with_need() {
    let mut bench = Bench::new();
    let directory = bench.root.join("savepoint-1").to_string();
    let request = SnapshotRequest::Savepoint {
        directory,
        format: SavepointFormat::Canonical,
        then: Default::default(),
    };
    assert_eq!(bench.snapshots.prepare(CallId(1), request.clone()), Some(request), "it has one of its own");

    let request = SnapshotRequest::Checkpoint(ManualCheckpoint::Full);
    assert_eq!(bench.snapshots.prepare(CallId(2), request.clone()), None);
    let Some(Done::Prepared { call, request: same, result }) = bench.snapshots.done().await else {
        panic!("not prepared")
    };
    assert_eq!((call, same, result), (CallId(2), request.clone(), Ok(())));
    assert_eq!(bench.names().await, ["job/.flott-job"]);
    assert_eq!(bench.storage.get(&bench.root.join("job/.flott-job")).await.unwrap(), JOB.to_string());
    assert_eq!(bench.snapshots.prepare(CallId(3), request.clone()), Some(request));

    let Bench { root, storage, snapshots, _dir } = bench;
    snapshots.finish(true).await;
    assert!(storage.list(&root).await.unwrap().is_empty());
}
