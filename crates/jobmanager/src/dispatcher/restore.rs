//! What a job begins with: reads a checkpoint or savepoint and checks it, before there is a job.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use flott_control::job_master::{InitialSnapshot, check_restore};
use flott_core::{
    JobGraph, JobId,
    checkpoint::{RestorePoint, SnapshotKind},
    job_config::ClaimMode,
};
use flott_storage::{Storage, StorageUri, StoredSnapshot, load_metadata};
use tracing::{info, warn};

use crate::Error;

/// Stands beside the `_metadata` of a snapshot that a job has claimed and holds that job's id.
pub(super) const CLAIM_MARKER: &str = ".flott-claimed";

/// What a submission says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestoreSettings {
    pub(super) path: StorageUri,
    pub(super) claim_mode: ClaimMode,
    pub(super) allow_non_restored: bool,
}

/// A snapshot that a job may begin with.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) initial: InitialSnapshot,
    /// Where its claim stands, if this made one.
    claim: Option<StorageUri>,
}

/// Reads a snapshot, checks that the job can begin with it, and claims it if it is to be the job's. `is_running` tells
/// whether a job lives, to which its checkpoints belong.
///
/// # Errors
/// [`Error::Snapshot`] if it can't be read, [`Error::RestoreRefused`] if it does not fit, [`Error::SnapshotClaimed`] and
/// [`Error::SnapshotInUse`] if it is another job's. Nothing is changed then.
pub(super) async fn restore(
    storage: &Storage,
    settings: &RestoreSettings,
    graph: &JobGraph,
    job_id: JobId,
    is_running: impl Fn(JobId) -> bool,
) -> Result<Restored, Error> {
    let RestoreSettings { path, claim_mode, allow_non_restored } = settings;
    let failed = |source| Error::Snapshot { path: path.to_string(), source };
    let StoredSnapshot { metadata, directory, file, .. } =
        load_metadata(storage, path).await.map_err(failed)?;
    match check_restore(&metadata, graph, *allow_non_restored) {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| warn!(%job_id, path = %directory, "{warning}"));
        }
        Err(reasons) => return Err(Error::RestoreRefused { path: path.to_string(), reasons }),
    }
    let owned = *claim_mode == ClaimMode::Claim;
    // Two jobs would delete each other's files.
    if owned && matches!(metadata.kind, SnapshotKind::Checkpoint { .. }) && is_running(metadata.job_id) {
        return Err(Error::SnapshotInUse { path: path.to_string(), owner: metadata.job_id });
    }
    let claim = if owned { claim(storage, &directory, job_id).await? } else { None };
    info!(%job_id, path = %directory, checkpoint_id = %metadata.checkpoint_id, %claim_mode, "begins with a snapshot");
    let point = RestorePoint { checkpoint_id: metadata.checkpoint_id, metadata: file.to_string(), owned };
    Ok(Restored { initial: InitialSnapshot { point, metadata: Arc::new(metadata) }, claim })
}

/// The job that has claimed a snapshot, as it is written there; `None` if nobody has.
///
/// # Errors
/// If that can't be told.
pub(super) async fn claimant(
    storage: &Storage,
    directory: &StorageUri,
) -> flott_storage::Result<Option<String>> {
    match storage.get(&directory.join(CLAIM_MARKER)).await {
        Ok(content) => Ok(Some(String::from_utf8_lossy(&content).into_owned())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Claims a snapshot for a job. Returns the claim if there was none before.
async fn claim(
    storage: &Storage,
    directory: &StorageUri,
    job_id: JobId,
) -> Result<Option<StorageUri>, Error> {
    let own = job_id.to_string();
    let failed = |source| Error::Snapshot { path: directory.to_string(), source };
    if let Some(claimant) = claimant(storage, directory).await.map_err(failed)? {
        return match claimant == own {
            true => Ok(None),
            false => Err(Error::SnapshotClaimed { path: directory.to_string(), claimant }),
        };
    }
    let marker = directory.join(CLAIM_MARKER);
    match storage.put_new(&marker, own.into()).await {
        Ok(()) => Ok(Some(marker)),
        // Somebody was faster.
        Err(error) if error.failure() == Some(flott_storage::FailureKind::Exists) => {
            let claimant = claimant(storage, directory).await.map_err(failed)?;
            Err(Error::SnapshotClaimed {
                path: directory.to_string(),
                claimant: claimant.unwrap_or_default(),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

impl Restored {
    /// Takes back what was done, since there will be no such job.
    pub(super) async fn undo(self, storage: &Storage) {
        let Some(claim) = self.claim else { return };
        if let Err(error) = storage.delete(&claim).await {
            warn!(%claim, %error, "cannot give a claimed snapshot back: delete this file to use the snapshot again");
        }
    }
}
