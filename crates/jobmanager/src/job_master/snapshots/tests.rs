use flott_control::job_master::{InitialSnapshot, ManualCheckpoint};
use flott_core::checkpoint::{
    Blob, OperatorState, OperatorSubtaskState, RestorePoint, SavepointFormat, StateFile,
};
use flott_core::{Partitioner, VertexIndex};
use flott_storage::{METADATA_FILE, StorageOptions, load_metadata, store_metadata};

use super::*;
use crate::claims::{self, Claim};

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
            edges: edges(),
            is_prepared: false,
            claimed: None,
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

fn edges() -> Arc<[JobEdge]> {
    Arc::new([JobEdge { source: VertexIndex(0), target: VertexIndex(1), partitioner: Partitioner::Hash }])
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
    assert_eq!(loaded.edges, *edges());
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

/// The job of the bench has claimed this snapshot, which has one file.
async fn claim(bench: &mut Bench, name: &str, kind: SnapshotKind, path: &str) {
    let directory = bench.root.join(name);
    let metadata = metadata(kind, StateFile { path: path.to_owned(), size: 1 });
    let file = store_metadata(&bench.storage, &directory, &metadata).await.unwrap();
    bench.storage.put(&directory.resolve(path).unwrap(), "x".into()).await.unwrap();
    let claim = Claim::new(JOB, bench.root.join("job"));
    claim.mark(&bench.storage, &directory).await.unwrap();
    for place in claims::shared_places(&metadata, &directory) {
        claim.mark_shared(&bench.storage, &place).await.unwrap();
    }
    let point = RestorePoint {
        checkpoint_id: CheckpointId(7),
        metadata: directory.join(&file.path).to_string(),
        owned: true,
    };
    let spec = SnapshotSpec {
        storage: bench.storage.clone(),
        directory: bench.root.join("job"),
        edges: edges(),
        is_prepared: false,
        claimed: Claimed::of(Some(&point), Some(&InitialSnapshot { point: point.clone(), metadata })),
    };
    bench.snapshots = Snapshots::new(&spec, JOB);
}

const SHARED: &str = "../shared/x";
const CHECKPOINT: SnapshotKind = SnapshotKind::Checkpoint { full: false };

/// Deletes a claimed checkpoint and the file that it shares. Says whether that file is gone.
async fn deletes_shared(bench: &mut Bench) -> bool {
    let uri = |name: &str| bench.root.join(name).to_string();
    let (files, directories) = (vec![uri("old/shared/x")], vec![uri("old/chk-5")]);
    bench.snapshots.delete(files, directories);
    assert!(matches!(bench.snapshots.done().await, Some(Done::Deleted)));
    let names = bench.names().await;
    assert!(!names.iter().any(|name| name.starts_with("old/chk-5/")), "{names:?}");
    !names.contains(&"old/shared/x".to_owned())
}

#[tokio::test]
async fn files_beside_a_claimed_checkpoint_go_when_nobody_else_needs_them() {
    let mut bench = Bench::new();
    claim(&mut bench, "old/chk-5", CHECKPOINT, SHARED).await;
    assert!(deletes_shared(&mut bench).await);
}

#[tokio::test]
async fn files_that_a_checkpoint_refers_to_which_was_not_claimed_stay() {
    let mut bench = Bench::new();
    claim(&mut bench, "old/chk-5", CHECKPOINT, SHARED).await;
    bench.put("old/chk-4/_metadata", "refers to it, too").await;
    assert!(!deletes_shared(&mut bench).await);
}

#[tokio::test]
async fn files_that_another_job_has_claimed_with_its_checkpoint_stay_as_long_as_it_is_there() {
    let mut bench = Bench::new();
    claim(&mut bench, "old/chk-5", CHECKPOINT, SHARED).await;
    let other = Claim::new(JobId::from_bytes([4; 16]), bench.root.join("other"));
    other.mark_shared(&bench.storage, &bench.root.join("old")).await.unwrap();
    bench.put("other/.flott-job", "it runs").await;
    assert!(!deletes_shared(&mut bench).await);
    bench.storage.delete_dir(&bench.root.join("other")).await.unwrap();
    assert!(deletes_shared(&mut bench).await);
}

#[tokio::test]
async fn a_claimed_savepoint_goes_without_what_its_user_has_put_there() {
    let kind = |bench: &Bench| SnapshotKind::Savepoint {
        directory: bench.root.join("savepoint-1").to_string(),
        format: SavepointFormat::Canonical,
        stop: None,
    };
    for foreign in [None, Some("savepoint-1/thesis.txt")] {
        let mut bench = Bench::new();
        let kind = kind(&bench);
        claim(&mut bench, "savepoint-1", kind, "a").await;
        if let Some(foreign) = foreign {
            bench.put(foreign, "years").await;
        }
        bench.snapshots.delete(Vec::new(), vec![bench.root.join("savepoint-1").to_string()]);
        assert!(matches!(bench.snapshots.done().await, Some(Done::Deleted)));
        assert_eq!(bench.names().await, Vec::from_iter(foreign));
        let directory = bench.root.join("savepoint-1");
        assert_eq!(directory.local_path().unwrap().exists(), foreign.is_some());
    }
}
