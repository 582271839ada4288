use flott_control::resource_manager::ResourceManagerConfig;
use flott_core::{
    CheckpointId, JobVertex, LeaderEpoch, OperatorInfo, VertexId,
    checkpoint::{CheckpointMetadata, SavepointFormat, SnapshotKind},
    config::Configuration,
    job_config::RuntimeMode,
};
use flott_storage::{StorageOptions, store_metadata};
use tokio::task::yield_now;

use super::*;
use crate::{
    claims::CLAIM_MARKER,
    clock::Clock,
    dispatcher::actor::Dispatcher,
    ha::{HighAvailability, Leadership, SharedMemory},
    resource_manager::ResourceManagerHandle,
    test_support,
};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Dispatcher that does nothing until it is run, and a savepoint that all jobs claim.
struct Bench {
    _dir: tempfile::TempDir,
    submitter: Submitter,
    dispatcher: Option<Dispatcher>,
    marker: PathBuf,
    memory: SharedMemory,
    _leadership: Leadership,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root: StorageUri = dir.path().to_str().unwrap().parse().unwrap();
        let (storage, savepoint) = (Storage::open(&StorageOptions::default()), root.join("savepoint-1"));
        store_metadata(&storage, &savepoint, &metadata(&savepoint)).await.unwrap();
        let path = format!("execution.state-recovery.path={savepoint}");
        let settings = [path.as_str(), "execution.state-recovery.claim-mode=CLAIM"];
        let (config, _) = Configuration::parse_with_overrides("", "config.yaml", settings).unwrap();
        let clock = Clock::start();
        let resources = ResourceManagerConfig {
            epoch: LeaderEpoch(1),
            id_salt: 1,
            heartbeat_interval: PATIENCE,
            heartbeat_timeout: PATIENCE,
        };
        let (resource_manager, _) = ResourceManagerHandle::new(resources, clock);
        let (handle, dispatcher) = DispatcherHandle::new(test_support::context(resource_manager).await, 1);
        let options = SubmitterOptions {
            config,
            clock,
            plan_timeout: PATIENCE,
            temp_root: dir.path().to_owned(),
            storage,
            checkpoint_root: root.join("checkpoints"),
        };
        let artifacts = ArtifactStore::open(&dir.path().join("artifacts"), 1).unwrap();
        let marker = savepoint.join(CLAIM_MARKER).local_path().unwrap().to_owned();
        let memory = SharedMemory::new(dir.path());
        let election = HighAvailability::join(memory.clone(), test_support::candidate());
        let leadership = election.campaign().await.unwrap();
        let submitter = Submitter::new(artifacts, handle, options, leadership.standing());
        Self { submitter, dispatcher: Some(dispatcher), marker, memory, _leadership: leadership, _dir: dir }
    }

    async fn claimed(&self, wanted: bool) {
        let becomes = async {
            while self.marker.exists() != wanted {
                yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, becomes).await.expect("it is claimed, or given back");
    }
}

fn metadata(directory: &StorageUri) -> CheckpointMetadata {
    let (directory, format) = (directory.to_string(), SavepointFormat::Canonical);
    CheckpointMetadata {
        job_id: JobId::from_bytes([1; 16]),
        job_name: "job".to_owned(),
        checkpoint_id: CheckpointId(1),
        kind: SnapshotKind::Savepoint { directory, format, stop: None },
        triggered_at: 0,
        operators: Vec::new(),
        vertices: Vec::new(),
        sources: Vec::new(),
    }
}

fn graph() -> JobGraph {
    JobGraph {
        name: "job".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 1,
        vertices: vec![JobVertex {
            id: VertexId::of_operators(["numbers"]),
            name: "numbers".to_owned(),
            operators: vec![OperatorInfo { uid: "numbers".to_owned(), name: "numbers".to_owned() }],
            parallelism: 1,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: true,
        }],
        edges: Vec::new(),
        recovery: Default::default(),
    }
}

#[tokio::test]
async fn a_claim_is_given_back_even_if_the_client_has_gone_away() {
    let mut bench = Bench::new().await;
    tokio::select! {
        started = bench.submitter.submit_graph(graph(), JobConfig::default(), None) => panic!("{started:?}"),
        () = bench.claimed(true) => {}
    }
    // The Dispatcher ends before the job was started.
    bench.dispatcher = None;
    bench.claimed(false).await;
}

#[tokio::test]
async fn a_job_starts_even_if_its_client_has_gone_away() {
    let mut bench = Bench::new().await;
    let job_id = JobId::from_bytes([7; 16]);
    tokio::select! {
        started = bench.submitter.submit_graph(graph(), JobConfig::default(), Some(job_id)) => panic!("{started:?}"),
        () = bench.claimed(true) => {}
    }
    let dispatcher = bench.dispatcher.take().unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let starts = async {
        while bench.submitter.dispatcher.job(job_id).is_none() {
            yield_now().await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(dispatcher.run(shutdown.clone()), starts) };
    tokio::time::timeout(PATIENCE, both).await.expect("it starts");
    assert!(bench.marker.exists());
}

#[tokio::test]
async fn a_claim_stays_when_the_next_leader_may_have_the_job() {
    let mut bench = Bench::new().await;
    let job_id = JobId::from_bytes([7; 16]);
    let outcome = {
        let submitter = bench.submitter.clone();
        let started = submitter.submit_graph(graph(), JobConfig::default(), Some(job_id));
        let mut started = std::pin::pin!(started);
        tokio::select! {
            started = &mut started => panic!("{started:?}"),
            () = bench.claimed(true) => {}
        }
        bench.memory.depose();
        bench.dispatcher = None;
        started.await
    };
    assert!(outcome.is_err());
    while bench.submitter.close().join_next().await.is_some() {}
    assert!(bench.marker.exists());
    let closed = bench.submitter.submit_graph(graph(), JobConfig::default(), Some(job_id)).await;
    assert!(matches!(closed, Err(Error::NoLeader)), "{closed:?}");
}
