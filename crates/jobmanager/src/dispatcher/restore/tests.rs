use flott_core::{
    CheckpointId, JobEdge, JobType, JobVertex, OperatorInfo, VertexId,
    checkpoint::{
        Blob, CheckpointMetadata, OperatorState, OperatorSubtaskState, SavepointFormat, SnapshotKind,
        StateFile,
    },
    job_config::RuntimeMode,
};
use flott_storage::{StorageOptions, store_metadata};

use super::*;
use crate::{ErrorKind, Rejection};

const JOB: JobId = JobId::from_bytes([1; 16]);
const OTHER: JobId = JobId::from_bytes([2; 16]);

struct Bench {
    _dir: tempfile::TempDir,
    storage: Storage,
    savepoint: StorageUri,
}

impl Bench {
    /// A savepoint with the state of one operator `count`.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&StorageOptions::default());
        let root: StorageUri = dir.path().to_str().unwrap().parse().unwrap();
        let savepoint = root.join("savepoint-010101-abc");
        store_metadata(&storage, &savepoint, &metadata(&savepoint)).await.unwrap();
        Self { _dir: dir, storage, savepoint }
    }

    async fn restore(
        &self,
        claim_mode: ClaimMode,
        uid: &str,
        allow: bool,
        job_id: JobId,
    ) -> Result<Restored, Error> {
        let settings =
            RestoreSettings { path: self.savepoint.clone(), claim_mode, allow_non_restored: allow };
        let checkpoints = self.savepoint.join("checkpoints");
        restore(&self.storage, &settings, &graph(uid), (job_id, &checkpoints), |_| false, || true).await
    }
}

async fn claimant(bench: &Bench, directory: &StorageUri) -> Option<String> {
    claims::claim_of(&bench.storage, directory).await.unwrap().map(|claim| claim.job_id)
}

fn metadata(directory: &StorageUri) -> CheckpointMetadata {
    let state = OperatorSubtaskState {
        uid: "count".to_owned(),
        manifest: Blob::Inline(vec![1, 2, 3]),
        files: Vec::new(),
        has_union: false,
        state_size: 3,
    };
    CheckpointMetadata {
        job_id: JobId::from_bytes([1; 16]),
        job_name: "job".to_owned(),
        checkpoint_id: CheckpointId(12),
        kind: SnapshotKind::Savepoint {
            directory: directory.to_string(),
            format: SavepointFormat::Canonical,
            stop: None,
        },
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
    }
}

fn graph(uid: &str) -> JobGraph {
    JobGraph {
        name: "job".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 1,
        vertices: vec![JobVertex {
            id: VertexId::of_operators([uid]),
            name: uid.to_owned(),
            operators: vec![OperatorInfo { uid: uid.to_owned(), name: uid.to_owned() }],
            parallelism: 1,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: true,
        }],
        edges: Vec::<JobEdge>::new(),
        recovery: Default::default(),
    }
}

#[tokio::test]
async fn a_snapshot_is_read_and_left_alone() {
    let bench = Bench::new().await;
    let restored = bench.restore(ClaimMode::NoClaim, "count", false, JOB).await.unwrap();
    let RestorePoint { checkpoint_id, metadata: file, owned } = restored.initial.point;
    assert_eq!((checkpoint_id, owned), (CheckpointId(12), false));
    assert_eq!(file, bench.savepoint.join("_metadata").to_string());
    assert_eq!(*restored.initial.metadata, metadata(&bench.savepoint));
    assert_eq!(bench.storage.list(&bench.savepoint).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_snapshot_is_claimed_once_and_can_be_given_back() {
    let bench = Bench::new().await;
    let restored = bench.restore(ClaimMode::Claim, "count", false, JOB).await.unwrap();
    assert!(restored.initial.point.owned);
    let error = bench.restore(ClaimMode::Claim, "count", false, OTHER).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Conflict));
    assert!(error.to_string().contains(&JOB.to_string()), "{error}");
    // The same submission again, whose failure takes nothing back that was not its own.
    let again = bench.restore(ClaimMode::Claim, "count", false, JOB).await.unwrap();
    again.undo(&bench.storage, || true).await;
    assert_eq!(claimant(&bench, &bench.savepoint).await, Some(JOB.to_string()));

    restored.undo(&bench.storage, || true).await;
    bench.restore(ClaimMode::Claim, "count", false, OTHER).await.unwrap();
}

#[tokio::test]
async fn state_that_nobody_takes_is_refused_unless_that_is_meant() {
    let bench = Bench::new().await;
    let error = bench.restore(ClaimMode::Claim, "other", false, JOB).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program));
    let text = error.to_string();
    assert!(text.contains("count") && text.contains("--allowNonRestoredState"), "{text}");
    assert_eq!(claimant(&bench, &bench.savepoint).await, None);
    bench.restore(ClaimMode::NoClaim, "other", true, JOB).await.unwrap();
}

#[tokio::test]
async fn what_is_no_snapshot_or_damaged_is_refused_with_its_place() {
    let bench = Bench::new().await;
    let elsewhere = RestoreSettings {
        path: bench.savepoint.join("nothing"),
        claim_mode: ClaimMode::NoClaim,
        allow_non_restored: false,
    };
    let error =
        restore(&bench.storage, &elsewhere, &graph("count"), (JOB, &bench.savepoint), |_| false, || true)
            .await
            .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program));
    assert!(error.to_string().contains("there is no checkpoint or savepoint at"), "{error}");

    let file = bench.savepoint.join("_metadata");
    let good = bench.storage.get(&file).await.unwrap();
    for (name, damaged) in [("truncated", good.slice(..good.len() - 1)), ("text", "hello".into())] {
        bench.storage.put(&file, damaged).await.unwrap();
        let error = bench.restore(ClaimMode::NoClaim, "count", false, JOB).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Program), "{name}");
        assert!(error.to_string().contains("_metadata is damaged at byte"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_checkpoint_of_a_job_that_runs_is_not_claimed() {
    let bench = Bench::new().await;
    let checkpoint = bench.savepoint.join("chk-12");
    let of_running =
        CheckpointMetadata { kind: SnapshotKind::Checkpoint { full: false }, ..metadata(&bench.savepoint) };
    store_metadata(&bench.storage, &checkpoint, &of_running).await.unwrap();
    let begin = async |path: &StorageUri, claim_mode, runs| {
        let settings = RestoreSettings { path: path.clone(), claim_mode, allow_non_restored: false };
        restore(
            &bench.storage,
            &settings,
            &graph("count"),
            (OTHER, &bench.savepoint),
            |id| runs && id == JOB,
            || true,
        )
        .await
    };
    let error = begin(&checkpoint, ClaimMode::Claim, true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected(Rejection::Conflict));
    assert!(error.to_string().contains(&format!("belongs to job {JOB}, which still runs")), "{error}");
    assert_eq!(claimant(&bench, &checkpoint).await, None);
    begin(&checkpoint, ClaimMode::NoClaim, true).await.unwrap();
    begin(&bench.savepoint, ClaimMode::Claim, true).await.expect("a savepoint is its user's");
    begin(&checkpoint, ClaimMode::Claim, false).await.unwrap();
}

#[tokio::test]
async fn who_claims_a_checkpoint_leaves_a_mark_beside_the_files_that_it_shares() {
    let bench = Bench::new().await;
    let old = bench.savepoint.join("old");
    let mut shared = metadata(&old);
    shared.kind = SnapshotKind::Checkpoint { full: false };
    let state = shared.operators[0].subtasks[0].as_mut().unwrap();
    state.files = ["../shared/x", "y"].map(|path| StateFile { path: path.to_owned(), size: 1 }).into();
    store_metadata(&bench.storage, &old.join("chk-12"), &shared).await.unwrap();
    let settings =
        RestoreSettings { path: old.join("chk-12"), claim_mode: ClaimMode::Claim, allow_non_restored: false };
    let own = bench.savepoint.join("own");
    let restored =
        restore(&bench.storage, &settings, &graph("count"), (OTHER, &own), |_| false, || true).await.unwrap();
    let shares = claims::shares_of(&bench.storage, &old).await.unwrap();
    assert_eq!(shares.into_iter().map(|(_, claim)| claim).collect::<Vec<_>>(), [Claim::new(OTHER, own)]);
    restored.undo(&bench.storage, || true).await;
    assert!(claims::shares_of(&bench.storage, &old).await.unwrap().is_empty());
    assert_eq!(claimant(&bench, &old.join("chk-12")).await, None);
}
