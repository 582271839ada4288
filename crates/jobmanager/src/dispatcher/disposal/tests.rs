use flott_core::{
    CheckpointId,
    checkpoint::{Blob, OperatorState, OperatorSubtaskState, SavepointFormat},
};
use flott_storage::{StorageOptions, store_metadata};

use super::*;

const JOB: JobId = JobId::from_bytes([1; 16]);

struct Bench {
    _dir: tempfile::TempDir,
    storage: Storage,
    root: StorageUri,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap().parse().unwrap();
        Self { _dir: dir, storage: Storage::open(&StorageOptions::default()), root }
    }

    /// Stores a snapshot that refers to these files, and the files themselves.
    async fn store(&self, name: &str, kind: SnapshotKind, files: &[&str]) {
        let directory = self.root.join(name);
        for file in files {
            self.storage.put(&directory.resolve(file).unwrap(), "x".into()).await.unwrap();
        }
        let file = |path: &&str| StateFile { path: (*path).to_owned(), size: 1 };
        let state = OperatorSubtaskState {
            uid: "count".to_owned(),
            manifest: Blob::Inline(Vec::new()),
            files: files.iter().map(file).collect(),
            has_union: false,
            state_size: 1,
        };
        let metadata = CheckpointMetadata {
            job_id: JOB,
            job_name: "job".to_owned(),
            checkpoint_id: CheckpointId(1),
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
        };
        store_metadata(&self.storage, &directory, &metadata).await.unwrap();
    }

    async fn dispose(&self, name: &str, running: bool) -> Result<(), FailureCause> {
        dispose(&self.storage, &self.root.join(name), |id| running && id == JOB).await
    }

    async fn names(&self) -> Vec<String> {
        let files = self.storage.list(&self.root).await.unwrap();
        files.into_iter().map(|file| file.uri.relative_to(&self.root)).collect()
    }
}

fn savepoint() -> SnapshotKind {
    SnapshotKind::Savepoint { directory: "s".to_owned(), format: SavepointFormat::Canonical, stop: None }
}

const CHECKPOINT: SnapshotKind = SnapshotKind::Checkpoint { full: false };

#[tokio::test]
async fn a_savepoint_goes_with_its_directory() {
    let bench = Bench::new();
    bench.store("savepoint-1", savepoint(), &["a", "b"]).await;
    bench.store("savepoint-2", savepoint(), &["c"]).await;
    // Its job may run: a savepoint is its user's.
    bench.dispose("savepoint-1", true).await.unwrap();
    assert_eq!(bench.names().await, ["savepoint-2/_metadata", "savepoint-2/c"]);
    assert!(!bench.root.join("savepoint-1").local_path().unwrap().exists());
    bench.dispose("savepoint-2/_metadata", true).await.unwrap();
    assert!(bench.names().await.is_empty());
}

#[tokio::test]
async fn what_is_not_of_the_savepoint_stays() {
    let bench = Bench::new();
    let foreign = bench.root.join("elsewhere/x").to_string();
    bench.store("savepoint-1", savepoint(), &["a", &foreign]).await;
    bench.storage.put(&bench.root.join("savepoint-1/thesis.txt"), "years".into()).await.unwrap();
    bench.dispose("savepoint-1", false).await.unwrap();
    assert_eq!(bench.names().await, ["elsewhere/x", "savepoint-1/thesis.txt"]);
}

#[tokio::test]
async fn a_directory_without_metadata_is_refused() {
    let bench = Bench::new();
    bench.storage.put(&bench.root.join("photos/1"), "x".into()).await.unwrap();
    let cause = bench.dispose("photos", false).await.unwrap_err();
    assert_eq!(cause.kind, FailureKind::UserError);
    assert!(cause.message.contains("there is no checkpoint or savepoint at"), "{cause}");
    assert_eq!(bench.names().await, ["photos/1"]);
}

#[tokio::test]
async fn what_belongs_to_a_job_that_runs_is_kept() {
    let bench = Bench::new();
    bench.store("job/chk-1", CHECKPOINT, &["a"]).await;
    bench.store("savepoint-1", savepoint(), &["b"]).await;
    let claim = bench.root.join("savepoint-1").join(CLAIM_MARKER);
    bench.storage.put(&claim, JOB.to_string().into()).await.unwrap();
    for name in ["job/chk-1", "savepoint-1"] {
        let cause = bench.dispose(name, true).await.unwrap_err();
        assert!(cause.message.contains("which still runs"), "{cause}");
    }
    assert_eq!(bench.names().await.len(), 5);
    bench.dispose("savepoint-1", false).await.unwrap();
    assert_eq!(bench.names().await, ["job/chk-1/_metadata", "job/chk-1/a"]);
}

#[tokio::test]
async fn shared_files_go_with_the_last_checkpoint_of_a_job() {
    let bench = Bench::new();
    bench.store("job/chk-1", CHECKPOINT, &["a", "../shared/s"]).await;
    bench.store("job/chk-2", CHECKPOINT, &["b", "../shared/s"]).await;
    bench.dispose("job/chk-1", false).await.unwrap();
    assert_eq!(bench.names().await, ["job/chk-2/_metadata", "job/chk-2/b", "job/shared/s"]);
    bench.dispose("job/chk-2", false).await.unwrap();
    assert!(bench.names().await.is_empty());
}

/// Another job has claimed this checkpoint, or savepoint; its own checkpoints are in `other`.
async fn claim(bench: &Bench, name: &str) {
    let claim = Claim::new(OTHER, bench.root.join("other"));
    let directory = bench.root.join(name);
    let metadata = load_metadata(&bench.storage, &directory).await.unwrap().metadata;
    claim.mark(&bench.storage, &directory).await.unwrap();
    for place in claims::shared_places(&metadata, &directory) {
        claim.mark_shared(&bench.storage, &place).await.unwrap();
    }
}

const OTHER: JobId = JobId::from_bytes([2; 16]);

#[tokio::test]
async fn shared_files_stay_as_long_as_a_job_needs_them_that_has_claimed_another_checkpoint() {
    let bench = Bench::new();
    for name in ["job/chk-3", "job/chk-4", "job/chk-5"] {
        bench.store(name, CHECKPOINT, &["../shared/s"]).await;
    }
    claim(&bench, "job/chk-5").await;
    bench.storage.delete_dir(&bench.root.join("job/chk-5")).await.unwrap();
    let shared = async || bench.names().await.contains(&"job/shared/s".to_owned());
    let dispose = async |name| dispose(&bench.storage, &bench.root.join(name), |id| id == OTHER).await;
    dispose("job/chk-3").await.unwrap();
    dispose("job/chk-4").await.unwrap();
    assert!(shared().await, "the claimant runs");

    bench.store("job/chk-4", CHECKPOINT, &["../shared/s"]).await;
    bench.store("other/chk-9", CHECKPOINT, &[]).await;
    bench.dispose("job/chk-4", false).await.unwrap();
    assert!(shared().await, "the claimant has ended, but its checkpoint is there");

    bench.store("job/chk-4", CHECKPOINT, &["../shared/s"]).await;
    bench.dispose("other/chk-9", false).await.unwrap();
    bench.dispose("job/chk-4", false).await.unwrap();
    assert!(!shared().await);
}

#[tokio::test]
async fn what_was_claimed_stays_as_long_as_there_are_checkpoints_of_the_claimant() {
    let bench = Bench::new();
    bench.store("savepoint-1", savepoint(), &["a"]).await;
    claim(&bench, "savepoint-1").await;
    bench.store("other/chk-9", CHECKPOINT, &[]).await;
    let cause = bench.dispose("savepoint-1", false).await.unwrap_err();
    assert!(cause.message.contains("dispose of those first"), "{cause}");
    bench.dispose("other/chk-9", false).await.unwrap();
    bench.dispose("savepoint-1", false).await.unwrap();
    assert!(bench.names().await.is_empty());
}
