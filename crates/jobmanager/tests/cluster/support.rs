//! What the tests share.

use std::{path::Path, process::Command, sync::Arc, sync::OnceLock, time::Duration};

use bytes::Bytes;
use flott_core::{
    JobEdge, JobGraph, JobId, JobType, JobVertex, OperatorInfo, Partitioner, VertexId, VertexIndex,
    config::Configuration,
    job_config::RuntimeMode,
    sdk::{PROTOCOL_VERSION, Plan},
};
use flott_jobmanager::{
    ClusterHandle, Error, JobManager, JobManagerOptions, RunningJobManager, SharedMemory,
    view::{ArtifactView, JobView, LeadershipState},
};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A JobManager with free ports and its temporary files in a directory of its own.
pub(crate) struct TestCluster {
    pub(crate) job_manager: RunningJobManager,
    _dir: tempfile::TempDir,
}

impl TestCluster {
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, None).await
    }

    /// One of several JobManagers, of which one leads.
    pub(crate) async fn join(memory: &SharedMemory, settings: &[&str]) -> Self {
        Self::start_with(settings, Some(memory.clone())).await
    }

    async fn start_with(settings: &[&str], high_availability: Option<SharedMemory>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = [
            format!("web.tmpdir={}", dir.path().display()),
            "jobmanager.rpc.port=0".to_owned(),
            "rest.port=0".to_owned(),
        ];
        let overrides = own.iter().map(String::as_str).chain(settings.iter().copied());
        let (config, _) = Configuration::parse_with_overrides("", "config.yaml", overrides).unwrap();
        let options = JobManagerOptions { high_availability, ..JobManagerOptions::default() };
        let job_manager = JobManager::start(config, options).await.unwrap();
        Self { job_manager, _dir: dir }
    }

    /// Waits until this JobManager is in a state.
    pub(crate) async fn becomes(&self, state: LeadershipState) {
        self.eventually(async || (self.handle().leadership().state == state).then_some(())).await;
    }

    pub(crate) fn handle(&self) -> &ClusterHandle {
        &self.job_manager.handle
    }

    /// Waits until the job's view is as wanted.
    pub(crate) async fn job_when(&self, id: JobId, wanted: impl Fn(&JobView) -> bool) -> Arc<JobView> {
        self.eventually(async || {
            let job = self.handle().job(id).await.unwrap().expect("the job is known");
            if wanted(&job) { Some(job) } else { None }
        })
        .await
    }

    /// Waits for the job's end.
    pub(crate) async fn end_of(&self, id: JobId) -> Arc<JobView> {
        tokio::time::timeout(PATIENCE, self.handle().wait_for_end(id)).await.expect("the job ends").unwrap()
    }

    /// Asks until there is an answer.
    pub(crate) async fn eventually<T>(&self, ask: impl AsyncFn() -> Option<T>) -> T {
        let answered = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("what is waited for comes")
    }

    pub(crate) async fn upload_fake_job(&self) -> ArtifactView {
        self.upload(fake_job()).await.unwrap()
    }

    pub(crate) async fn upload(&self, content: &'static [u8]) -> Result<ArtifactView, Error> {
        let pieces = content.chunks(4096).map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)));
        self.handle().upload("fake-job", futures::stream::iter(pieces)).await
    }
}

/// Content of a program that passes for a Flott job.
pub(crate) fn fake_job() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fake-job");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/fake_job.c");
        let compiled = Command::new("cc").arg(source).arg("-o").arg(&program).status().unwrap();
        assert!(compiled.success());
        std::fs::read(program).unwrap()
    })
}

/// A source and a sink, connected by hash.
pub(crate) fn graph(parallelism: u32) -> JobGraph {
    let vertex = |uid: &str, name: &str, is_source: bool| JobVertex {
        id: VertexId::of_operators([uid]),
        name: name.to_owned(),
        operators: vec![OperatorInfo { uid: uid.to_owned(), name: name.to_owned() }],
        parallelism,
        max_parallelism: 128,
        slot_sharing_group: "default".to_owned(),
        is_source,
    };
    JobGraph {
        name: "pretend".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism,
        vertices: vec![vertex("source", "Source: pretend", true), vertex("sink", "Sink: pretend", false)],
        edges: vec![JobEdge {
            source: VertexIndex(0),
            target: VertexIndex(1),
            partitioner: Partitioner::Hash,
        }],
        recovery: Default::default(),
    }
}

/// What the fake job has to write so that it is planned as this graph.
pub(crate) fn plan_of(graph: JobGraph) -> String {
    let plan = Plan {
        protocol: PROTOCOL_VERSION,
        job_graph: Some(graph),
        entry: None,
        entries: Vec::new(),
        error: None,
    };
    serde_json::to_string(&plan).unwrap()
}
