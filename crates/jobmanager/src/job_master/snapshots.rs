//! A job's reads and writes of storage, away from its loop.
//!
//! Each is a task of its own, and what comes of it is an event. How long they take is bounded by the storage, which gives up
//! at some time; how many there are, by the checkpoints that may be under way and by the list of deletions.

mod deletion;

use std::{
    collections::{BTreeSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use flott_control::{
    job_master::{InitialSnapshot, SnapshotRequest, StoredMetadata},
    protocol::CallId,
};
use flott_core::{
    CheckpointId, FailureCause, FailureKind, JobEdge, JobId,
    checkpoint::{CheckpointMetadata, SnapshotKind},
};
use flott_storage::{Storage, StorageUri, load_metadata, store_checkpoint};
use futures::FutureExt;
use tokio::{task::JoinSet, time::timeout};
use tracing::warn;

pub(crate) use deletion::Claimed;
use deletion::{Deleter, Target};

use crate::job_store::Cleanup;

/// Most deletions that wait. What is beyond stays where it is, which does no harm but take space.
const DELETIONS: usize = 256;
/// How long what is under way may take when the job has ended.
const LAST_DELETIONS: Duration = Duration::from_secs(60);

/// What a JobMaster needs to know of its job's snapshots.
#[derive(Debug)]
pub(crate) struct SnapshotSpec {
    pub(crate) storage: Storage,
    /// The job's own directory for checkpoints.
    pub(crate) directory: StorageUri,
    /// The edges of the job's graph.
    pub(crate) edges: Arc<[JobEdge]>,
    /// Whether that has its marker already.
    pub(crate) is_prepared: bool,
    /// The snapshot that the job began with, if that is its own since.
    pub(crate) claimed: Option<Claimed>,
}

/// Something that has been done.
#[derive(Debug)]
pub(super) enum Done {
    /// The metadata of a checkpoint was stored, or not.
    Stored { number: u64, checkpoint_id: CheckpointId, result: Result<StoredMetadata, FailureCause> },
    /// The job's directory is there, so that a checkpoint can be taken that a user wants; or it can't be made.
    Prepared { call: CallId, request: SnapshotRequest, result: Result<(), FailureCause> },
    /// Files were deleted as far as they could be.
    Deleted,
}

/// What is to be deleted once all stores before the `after`th have ended.
struct Deletion {
    after: u64,
    uris: Vec<(Target, String)>,
}

pub(super) struct Snapshots {
    storage: Storage,
    directory: StorageUri,
    edges: Arc<[JobEdge]>,
    job_id: JobId,
    deleter: Deleter,
    is_prepared: bool,
    tasks: JoinSet<Done>,
    next_store: u64,
    storing: BTreeSet<u64>,
    /// First come, first deleted; one at a time.
    deletions: VecDeque<Deletion>,
    is_deleting: bool,
}

impl Snapshots {
    pub(super) fn new(spec: &SnapshotSpec, job_id: JobId) -> Self {
        Self {
            storage: spec.storage.clone(),
            directory: spec.directory.clone(),
            edges: spec.edges.clone(),
            job_id,
            deleter: Deleter::new(spec, job_id),
            is_prepared: spec.is_prepared,
            tasks: JoinSet::new(),
            next_store: 0,
            storing: BTreeSet::new(),
            deletions: VecDeque::new(),
            is_deleting: false,
        }
    }

    /// Stores the metadata of a checkpoint. There always comes an answer, even if this has a bug.
    pub(super) fn store(
        &mut self,
        checkpoint_id: CheckpointId,
        directory: String,
        metadata: Arc<CheckpointMetadata>,
    ) {
        let (storage, edges, number) = (self.storage.clone(), self.edges.clone(), self.next_store);
        self.next_store += 1;
        self.storing.insert(number);
        self.tasks.spawn(async move {
            let stored =
                AssertUnwindSafe(store(&storage, &directory, &metadata, &edges)).catch_unwind().await;
            let result = stored.unwrap_or_else(|_| {
                Err(FailureCause::new(
                    FailureKind::Internal,
                    "the JobManager crashed while it stored a checkpoint",
                ))
            });
            Done::Stored { number, checkpoint_id, result }
        });
    }

    /// Deletes files, and directories with all that is in them.
    pub(super) fn delete(&mut self, files: Vec<String>, directories: Vec<String>) {
        if self.deletions.len() >= DELETIONS {
            warn!(
                files = files.len(),
                directories = directories.len(),
                "the storage is too slow: files stay behind"
            );
            return;
        }
        let files = files.into_iter().map(|uri| (Target::File, uri));
        let directories = directories.into_iter().map(|uri| (Target::Directory, uri));
        let uris = files.chain(directories).collect();
        self.deletions.push_back(Deletion { after: self.next_store, uris });
        self.delete_next();
    }

    fn delete_next(&mut self) {
        let may_begin =
            |deletion: &Deletion| self.storing.first().is_none_or(|oldest| *oldest >= deletion.after);
        if self.is_deleting || !self.deletions.front().is_some_and(may_begin) {
            return;
        }
        let Some(Deletion { uris, .. }) = self.deletions.pop_front() else { return };
        self.is_deleting = true;
        let deleter = self.deleter.clone();
        self.tasks.spawn(async move {
            // A bug in it may not keep all later ones from being done.
            if AssertUnwindSafe(deleter.delete(uris)).catch_unwind().await.is_err() {
                warn!("deleting files crashed: some stay behind");
            }
            Done::Deleted
        });
    }

    /// Whether the job's directory is there. If not it is made, and the request comes back.
    pub(super) fn prepare(&mut self, call: CallId, request: SnapshotRequest) -> Option<SnapshotRequest> {
        if self.is_prepared || !matches!(request, SnapshotRequest::Checkpoint(_)) {
            return Some(request);
        }
        let (storage, directory, job_id) = (self.storage.clone(), self.directory.clone(), self.job_id);
        self.tasks.spawn(async move {
            let made = mark(&storage, &directory, job_id).await;
            Done::Prepared { call, request, result: made.map_err(|error| cause(&error)) }
        });
        None
    }

    /// What has been done next; `None` if nothing is under way.
    pub(super) async fn done(&mut self) -> Option<Done> {
        loop {
            match self.tasks.join_next().await? {
                Ok(done) => {
                    self.note(&done);
                    return Some(done);
                }
                // Both kinds of work that matter are guarded against panics.
                Err(error) => warn!(%error, "a task on the storage crashed"),
            }
        }
    }

    fn note(&mut self, done: &Done) {
        match done {
            Done::Stored { number, .. } => drop(self.storing.remove(number)),
            Done::Prepared { result, .. } => self.is_prepared |= result.is_ok(),
            Done::Deleted => self.is_deleting = false,
        }
        self.delete_next();
    }

    /// The job's own directory.
    pub(super) fn directory(&self) -> &StorageUri {
        &self.directory
    }

    /// The job's directory, if nothing of use is in it. `unused`: no checkpoint or savepoint was ever begun.
    pub(super) fn unused_directory(&self, unused: bool) -> Option<String> {
        (unused && self.is_prepared).then(|| self.directory.to_string())
    }

    /// Does what is left to do when the job has ended, and returns whether that was done in time. `unused`: no checkpoint or
    /// savepoint was ever begun.
    pub(super) async fn finish(mut self, unused: bool) -> bool {
        if let Some(directory) = self.unused_directory(unused) {
            self.delete(Vec::new(), vec![directory]);
        }
        let rest = async { while self.done().await.is_some() {} };
        let is_done = timeout(LAST_DELETIONS, rest).await.is_ok();
        if !is_done {
            warn!(directory = %self.directory, "the storage is too slow: files of an ended job stay behind");
        }
        is_done
    }
}

/// Deletes what a job has left in storage that has ended under an earlier leader. Returns whether that was done in time.
pub(crate) async fn clean_up(storage: &Storage, job_id: JobId, cleanup: &Cleanup) -> bool {
    let Cleanup { checkpoint_dir, restore, files, directories } = cleanup.clone();
    let mut initial = None;
    if let Some(point) = restore.clone().filter(|point| point.owned)
        && let Ok(uri) = point.metadata.parse()
        && let Ok(found) = load_metadata(storage, &uri).await
    {
        initial = Some(InitialSnapshot { point, metadata: Arc::new(found.metadata) });
    }
    let spec = SnapshotSpec {
        storage: storage.clone(),
        directory: checkpoint_dir,
        edges: Arc::default(),
        is_prepared: false,
        claimed: Claimed::of(restore.as_ref(), initial.as_ref()),
    };
    let mut snapshots = Snapshots::new(&spec, job_id);
    snapshots.delete(files, directories);
    snapshots.finish(false).await
}

/// Makes a job's directory for checkpoints.
///
/// # Errors
/// If it can't be written to.
pub(crate) async fn mark(
    storage: &Storage,
    directory: &StorageUri,
    job_id: JobId,
) -> flott_storage::Result<()> {
    storage.put_new(&directory.join(flott_core::sdk::JOB_MARKER), job_id.to_string().into()).await
}

async fn store(
    storage: &Storage,
    directory: &str,
    metadata: &CheckpointMetadata,
    edges: &[JobEdge],
) -> Result<StoredMetadata, FailureCause> {
    let directory: StorageUri =
        directory.parse().map_err(|error| cause(&flott_storage::Error::from(error)))?;
    if matches!(metadata.kind, SnapshotKind::Savepoint { .. }) {
        check_files(storage, &directory, metadata).await?;
    }
    let file = store_checkpoint(storage, &directory, metadata, edges).await.map_err(|error| cause(&error))?;
    Ok(StoredMetadata { uri: directory.join(&file.path).to_string(), size: file.size })
}

/// Checks that all files of a savepoint are where it says. Nobody else has looked whether task hosts see the same directory,
/// which the user has chosen.
async fn check_files(
    storage: &Storage,
    directory: &StorageUri,
    metadata: &CheckpointMetadata,
) -> Result<(), FailureCause> {
    let there = storage.list(directory).await.map_err(|error| cause(&error))?;
    for file in metadata.files() {
        let uri = directory.resolve(&file.path).map_err(|error| cause(&error.into()))?;
        let found = there.binary_search_by(|info| info.uri.cmp(&uri)).ok().map(|index| there[index].size);
        let problem = match found {
            Some(size) if size == file.size => continue,
            Some(size) => format!("{uri} has {size} bytes, but {} were written", file.size),
            None => format!("{uri} was written by a TaskManager but is not seen by the JobManager"),
        };
        let advice = "is the directory the same for all of them, as on a shared disk?";
        return Err(FailureCause::new(FailureKind::External, format!("{problem}: {advice}")));
    }
    Ok(())
}

/// A failure of the storage as the cause of a checkpoint's failure.
fn cause(error: &flott_storage::Error) -> FailureCause {
    let kind = if error.is_storage() { FailureKind::External } else { FailureKind::CheckpointFailed };
    FailureCause::new(kind, error.to_string())
}

#[cfg(test)]
mod tests;
