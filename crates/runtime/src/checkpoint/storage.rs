//! Where a task host puts checkpoints.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flott_core::{
    FailureCause, FailureKind,
    checkpoint::{Barrier, CheckpointSettings, SnapshotKind},
    deployment::TaskHostSpec,
    sdk,
};
use flott_storage::{Storage, StorageOptions, StorageUri};
use tokio::{runtime::Handle, sync::OnceCell};

/// As many bytes as are encoded in a fraction of a millisecond.
const PIECE: usize = 256 << 10;

/// More than any checkpoint takes.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the checkpoints of a job go.
#[derive(Clone)]
pub struct CheckpointStorage {
    pub(super) storage: Storage,
    /// The directory of all checkpoints of the job.
    pub(super) directory: StorageUri,
    pub(crate) settings: CheckpointSettings,
    /// Whose threads wait for the storage: not those that run user code.
    pub(super) io: Handle,
    /// Bytes that are written between two batches.
    pub(super) piece: usize,
    checked: Arc<OnceCell<()>>,
}

impl CheckpointStorage {
    /// As the job's JobMaster says, with what this machine knows of the storage. What waits for the storage runs on the current
    /// runtime.
    ///
    /// # Errors
    /// If the options or the directory are invalid.
    pub(crate) fn open(
        spec: &TaskHostSpec,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, FailureCause> {
        let invalid = |error: String| {
            FailureCause::new(
                FailureKind::TaskHostStart,
                format!("cannot use the storage of checkpoints: {error}"),
            )
        };
        let options = StorageOptions::from_map(options).map_err(|error| invalid(error.to_string()))?;
        let directory = spec
            .checkpoint_dir
            .parse()
            .map_err(|error: flott_storage::UriError| invalid(error.to_string()))?;
        Ok(Self {
            storage: Storage::open(&options),
            directory,
            settings: spec.graph.recovery.checkpoints.clone(),
            io: Handle::current(),
            piece: PIECE,
            checked: Arc::default(),
        })
    }

    /// In a directory of this machine, with pieces of `piece` bytes between two batches if that is given. What waits for the
    /// storage runs on `io`.
    pub(crate) fn local(
        directory: StorageUri,
        settings: CheckpointSettings,
        piece: Option<usize>,
        io: Handle,
    ) -> Self {
        let storage = Storage::open(&StorageOptions::default());
        let checked = Arc::new(OnceCell::new_with(Some(())));
        Self { storage, directory, settings, io, piece: piece.unwrap_or(PIECE), checked }
    }

    /// Whether this machine sees the directory that the JobManager has made, found out once a task host. Otherwise
    /// checkpoints would seem to succeed, and be missing when they are needed.
    ///
    /// # Errors
    /// If the directory is another one here.
    pub(super) async fn check_shared(&self) -> Result<(), FailureCause> {
        let look = || async {
            let marker = self.directory.join(sdk::JOB_MARKER);
            match self.storage.exists(&marker).await {
                Ok(true) => Ok(()),
                Ok(false) => {
                    let message = format!(
                        "the directory for checkpoints, {}, is not the same on this machine as on the JobManager's: set \
                         execution.checkpointing.dir to a place that all machines see",
                        self.directory
                    );
                    Err(FailureCause::new(FailureKind::TaskHostStart, message))
                }
                // It is away at the moment: that says nothing, and shows with the first checkpoint.
                Err(_) => Ok(()),
            }
        };
        self.checked.get_or_try_init(look).await.copied()
    }

    /// By when the storage must have taken a subtask's part of a checkpoint that has begun there at this time. When the whole
    /// checkpoint expires it is too late to say that the storage was the cause, so some of its time is left for that.
    pub(super) fn deadline(&self, began: Instant) -> Instant {
        began + Duration::from_millis(self.settings.timeout_ms).min(LONGEST) * 3 / 4
    }

    /// Runs what waits for the storage beside the subtask. Bounded by the checkpoints under way; each ends with its uploads,
    /// which have a limit.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.io.spawn(work));
    }

    /// The directory of a snapshot, where its metadata will be.
    pub(super) fn directory_of(&self, barrier: &Barrier) -> Result<StorageUri, FailureCause> {
        match &barrier.kind {
            SnapshotKind::Checkpoint { .. } => Ok(self.directory.join(&format!("chk-{}", barrier.id))),
            SnapshotKind::Savepoint { directory, .. } => {
                directory.parse().map_err(|error: flott_storage::UriError| {
                    FailureCause::new(FailureKind::External, format!("cannot write the savepoint: {error}"))
                })
            }
        }
    }

    /// Writes a small file whole.
    pub(super) async fn put(&self, uri: &StorageUri, bytes: Vec<u8>) -> Result<(), FailureCause> {
        self.storage.put(uri, Bytes::from(bytes)).await.map_err(|error| write_failure(&error))
    }

    /// Removes files that nobody knows of. That it fails leaves garbage and does no other harm.
    pub(super) async fn delete(&self, files: &[StorageUri]) {
        for file in files {
            let _ = self.storage.delete(file).await;
        }
    }
}

/// Why a checkpoint is given up for which the storage takes too long.
pub(super) fn too_slow() -> FailureCause {
    write_failure(&"the storage takes too long for the checkpoint's timeout")
}

/// Why a checkpoint can't be written. The storage is outside: that it fails is no reason to restart a job.
pub(super) fn write_failure(error: &dyn std::fmt::Display) -> FailureCause {
    FailureCause::new(FailureKind::External, format!("cannot write the checkpoint: {error}"))
}
