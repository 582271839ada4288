//! Reads again what jobs of an earlier leader have left in storage.

use std::{sync::Arc, time::Duration};

use flott_control::job_master::{
    CheckpointPointer, InitialSnapshot, LatestCheckpoint, RecoveredCheckpoint, RecoveredJob,
    RetainedCheckpoint,
};
use flott_core::{
    FailureCause, FailureKind, JobGraph, JobId, JobStatus, JobType,
    checkpoint::{CheckpointMetadata, RestorePoint},
    job_config::{JobConfig, RuntimeMode},
};
use flott_storage::{Storage, StorageUri, load_metadata};
use tokio::sync::Semaphore;
use tracing::warn;

use super::{actor::Dispatcher, failed_view};
use crate::{
    Error,
    artifacts::ArtifactStore,
    clock::Clock,
    job_master::{JobSpec, Left},
    job_store::{JobRecord, JobStore, LiveJob, StoredJob},
    view::{CheckpointsView, JobView, StatusTimes, SubmissionView},
};

/// How many snapshots are read at the same time.
const READS_AT_ONCE: usize = 32;
/// How often something is read that seems to be missing or damaged, before that is believed.
const TRIES: u32 = 3;
/// How long to wait before another try, at first; doubled with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// Lets the Dispatcher take in all jobs of earlier leaders. Each goes on by itself when its storage has told what it begins
/// again with, which keeps no other from going on.
///
/// # Errors
/// [`Error::NoLeader`] if this process does not lead any more, [`Error::NotStored`] if records can't be read at present,
/// [`Error::ShuttingDown`].
pub(crate) async fn recover(
    dispatcher: &mut Dispatcher,
    store: &JobStore,
    storage: &Storage,
    artifacts: &ArtifactStore,
    clock: Clock,
) -> Result<(), Error> {
    let (mut ended, mut live) = (Vec::new(), Vec::new());
    let stored = store.load().await.map_err(|error| Error::not_stored(&error))?;
    for (job_id, cleanup) in stored.cleanups {
        dispatcher.clean_up(job_id, cleanup, storage.clone());
    }
    for (job_id, job) in stored.jobs {
        match job {
            StoredJob::Ended(view) => ended.push(*view),
            StoredJob::Damaged { problem } => ended.push(unreadable(job_id, problem, clock)),
            StoredJob::Live(job) => live.push((job_id, *job)),
        }
    }
    // The oldest first: they are the first to be forgotten.
    ended.sort_by_key(|view| view.ended_unix_ms);
    ended.into_iter().for_each(|view| dispatcher.recover_ended(view));
    let reads = Arc::new(Semaphore::new(READS_AT_ONCE));
    for (job_id, job) in live {
        let LiveJob { record, run, checkpoints, is_canceled } = job;
        let lease = artifacts.lease_digest(&record.submission.artifact);
        if lease.is_none() && !record.submission.artifact.is_empty() {
            let artifact = &record.submission.artifact;
            warn!(%job_id, artifact, "the artifact of a job is missing: it can't be started on another TaskManager");
        }
        let spec = JobSpec { job_id, record: record.clone(), storage: storage.clone(), initial: None, lease };
        let (storage, reads) = (storage.clone(), reads.clone());
        let left = async move {
            let found =
                read_snapshots(&Reader { storage: &storage, reads: &reads }, &record, checkpoints).await;
            let Found { initial, latest, retained } = found?;
            Ok(Left {
                record,
                storage,
                initial,
                recovered: RecoveredJob { run, latest, retained, is_canceled },
            })
        };
        dispatcher.recover(spec, left).await?;
    }
    Ok(())
}

/// Reads snapshots of all jobs, of which each has a storage of its own that may not answer.
struct Reader<'a> {
    storage: &'a Storage,
    reads: &'a Semaphore,
}

/// What a job has in storage.
struct Found {
    initial: Option<InitialSnapshot>,
    latest: Option<RecoveredCheckpoint>,
    retained: Vec<(RetainedCheckpoint, Arc<CheckpointMetadata>)>,
}

/// Reads what the job begins again with.
///
/// # Errors
/// If that is missing or damaged. An earlier one is never taken instead.
async fn read_snapshots(
    reader: &Reader<'_>,
    record: &JobRecord,
    pointer: CheckpointPointer,
) -> Result<Found, FailureCause> {
    let CheckpointPointer { latest, retained } = pointer;
    let initial = match (&latest, &record.restore) {
        (None, Some(point)) => {
            let metadata = reader.read(&point.metadata).await.map_err(|error| unreadable_snapshot(&error))?;
            Some(InitialSnapshot { point: point.clone(), metadata })
        }
        _ => None,
    };
    let latest = match latest {
        Some(LatestCheckpoint { id, metadata: uri, stops }) => {
            let metadata = reader.read(&uri).await.map_err(|error| unreadable_snapshot(&error))?;
            let point = RestorePoint { checkpoint_id: id, metadata: uri, owned: !stops };
            Some(RecoveredCheckpoint { point, metadata, stops })
        }
        None => None,
    };
    let mut found = Vec::with_capacity(retained.len());
    for checkpoint in retained {
        let known = latest.as_ref().filter(|latest| latest.point.checkpoint_id == checkpoint.id);
        let metadata = match known {
            Some(latest) => Ok(latest.metadata.clone()),
            None => reader.read(&checkpoint.directory).await,
        };
        match metadata {
            Ok(metadata) => found.push((checkpoint, metadata)),
            Err(error) => {
                warn!(checkpoint_id = %checkpoint.id, %error, "an old checkpoint can't be read: its files stay");
            }
        }
    }
    Ok(Found { initial, latest, retained: found })
}

fn unreadable_snapshot(error: &Error) -> FailureCause {
    FailureCause::new(FailureKind::CheckpointUnreadable, error.to_string())
}

impl Reader<'_> {
    /// Reads metadata again and again until the storage answers. What it says is missing or damaged is looked at thrice.
    ///
    /// # Errors
    /// [`Error::CheckpointUnreadable`].
    async fn read(&self, uri: &str) -> Result<Arc<CheckpointMetadata>, Error> {
        let failed = |source| Error::CheckpointUnreadable { path: uri.to_owned(), source };
        let place: StorageUri = uri
            .parse()
            .map_err(|error: flott_storage::UriError| failed(flott_storage::Error::from(error)))?;
        let (mut backoff, mut tries) = (FIRST_BACKOFF, 0);
        loop {
            let found = {
                // Fails only once the semaphore is closed, which it never is.
                let _read = self.reads.acquire().await;
                load_metadata(self.storage, &place).await
            };
            match found {
                Ok(found) => return Ok(Arc::new(found.metadata)),
                Err(error) if may_pass(&error) => {
                    warn!(uri, %error, "cannot read a checkpoint of a job that is to go on: trying again");
                }
                Err(error) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Err(failed(error));
                    }
                }
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(LAST_BACKOFF);
        }
    }
}

/// Whether a snapshot may be there that can't be read now. With expired credentials for one nothing can be read, and a job must
/// not fail for good for that.
fn may_pass(error: &flott_storage::Error) -> bool {
    error.is_transient() || error.failure() == Some(flott_storage::FailureKind::Denied)
}

/// What users see of a job whose records can't be read.
fn unreadable(job_id: JobId, problem: String, clock: Clock) -> JobView {
    let graph = JobGraph {
        name: format!("job {job_id}"),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 1,
        vertices: Vec::new(),
        edges: Vec::new(),
        recovery: Default::default(),
    };
    let submission = SubmissionView {
        // As no submission is: none is ever taken for the same job.
        artifact: "unreadable".to_owned(),
        artifact_id: None,
        arguments: Vec::new(),
        entry: None,
        savepoint: None,
        config: JobConfig::default(),
        fingerprint: String::new(),
    };
    let now = clock.to_unix_ms(clock.now());
    let view = JobView {
        job_id,
        graph: Arc::new(graph),
        submission: Arc::new(submission),
        status: JobStatus::Failed,
        status_times: StatusTimes::default(),
        started_unix_ms: now,
        ended_unix_ms: None,
        modified_unix_ms: now,
        vertices: Vec::new(),
        exceptions: Arc::default(),
        exceptions_dropped: 0,
        restarts: 0,
        restarting_ms: 0,
        checkpoint_dir: "".into(),
        checkpoints: Arc::new(CheckpointsView::default()),
        rescaling: Arc::default(),
    };
    failed_view(&view, FailureCause::new(FailureKind::Internal, problem), clock)
}

#[cfg(test)]
mod tests;
