//! What unit tests share.

use std::{path::Path, process::Command, sync::OnceLock, time::Duration};

use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    ha::{Candidate, HighAvailability, SharedMemory},
    job_master::JobMasterContext,
    job_store::JobStore,
    resource_manager::ResourceManagerHandle,
};

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

/// A candidate without addresses.
pub(crate) fn candidate() -> Candidate {
    let nowhere = || "localhost:1".to_owned();
    Candidate { instance_id: "test".to_owned(), rpc_address: nowhere(), rest_address: nowhere() }
}

/// What JobMasters need of a leader, which leads as long as the test runs.
pub(crate) async fn context(resource_manager: ResourceManagerHandle) -> JobMasterContext {
    let memory = SharedMemory::new(&std::env::temp_dir());
    let leadership = HighAvailability::join(memory, candidate()).campaign().await.unwrap();
    let (store, leads) = (JobStore::new(leadership.store()), leadership.standing());
    // Not given up before the test's process ends.
    std::mem::forget(leadership);
    JobMasterContext {
        clock: Clock::start(),
        resource_manager,
        store,
        leads,
        alive: TaskTracker::new(),
        reconciliation_timeout: Duration::from_secs(10),
    }
}
