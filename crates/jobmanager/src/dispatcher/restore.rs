//! What a job begins with: reads a checkpoint or savepoint and checks it, before there is a job.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use flott_control::job_master::{InitialSnapshot, check_restore};
use flott_core::{
    JobGraph, JobId,
    checkpoint::{CheckpointMetadata, RestorePoint, SnapshotKind},
    job_config::ClaimMode,
};
use flott_storage::{Storage, StorageUri, StoredSnapshot, load_metadata};
use tracing::{info, warn};

use crate::{
    Error,
    claims::{self, Claim},
};

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
    /// The marks of its claim, if this made one.
    claim: Vec<StorageUri>,
}

/// Reads a snapshot, checks that the job can begin with it, and claims it if it is to be the job's, of
/// which `checkpoints` is the directory. `is_running` tells whether a job lives, to which its checkpoints belong; `leads`, whether
/// this process leads for certain.
///
/// # Errors
/// [`Error::Snapshot`] if it can't be read, [`Error::RestoreRefused`] if it does not fit, [`Error::SnapshotClaimed`] and
/// [`Error::SnapshotInUse`] if it is another job's. Nothing is changed then.
pub(super) async fn restore(
    storage: &Storage,
    settings: &RestoreSettings,
    graph: &JobGraph,
    (job_id, checkpoints): (JobId, &StorageUri),
    is_running: impl Fn(JobId) -> bool,
    leads: impl Fn() -> bool,
) -> Result<Restored, Error> {
    let RestoreSettings { path, claim_mode, allow_non_restored } = settings;
    let failed = |source| Error::Snapshot { path: path.to_string(), source };
    let StoredSnapshot { metadata, edges, directory, file, .. } =
        load_metadata(storage, path).await.map_err(failed)?;
    match check_restore(&metadata, &edges, graph, *allow_non_restored) {
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
    let claim = match owned {
        true => {
            claim(storage, (&directory, &metadata), &Claim::new(job_id, checkpoints.clone()), leads).await?
        }
        false => Vec::new(),
    };
    info!(%job_id, path = %directory, checkpoint_id = %metadata.checkpoint_id, %claim_mode, "begins with a snapshot");
    let point = RestorePoint { checkpoint_id: metadata.checkpoint_id, metadata: file.to_string(), owned };
    Ok(Restored { initial: InitialSnapshot { point, metadata: Arc::new(metadata) }, claim })
}

/// Claims a snapshot, and a share of the files beside it that it refers to. Returns the marks that were made.
async fn claim(
    storage: &Storage,
    (directory, metadata): (&StorageUri, &CheckpointMetadata),
    claim: &Claim,
    leads: impl Fn() -> bool,
) -> Result<Vec<StorageUri>, Error> {
    let failed = |source| Error::Snapshot { path: directory.to_string(), source };
    let taken = |claimant| Error::SnapshotClaimed { path: directory.to_string(), claimant };
    let mut marks = Vec::new();
    match claims::claim_of(storage, directory).await.map_err(failed)? {
        Some(before) if before.job_id == claim.job_id => {}
        Some(before) => return Err(taken(before.job_id)),
        None => match claim.mark(storage, directory).await {
            Ok(mark) => marks.push(mark),
            // Somebody was faster.
            Err(error) if claims::is_taken(&error) => {
                let claimant = claims::claim_of(storage, directory).await.map_err(failed)?;
                return Err(taken(claimant.map_or_else(String::new, |claim| claim.job_id)));
            }
            Err(error) => return Err(failed(error)),
        },
    }
    let is_new = !marks.is_empty();
    for place in claims::shared_places(metadata, directory) {
        match claim.mark_shared(storage, &place).await {
            Ok(mark) if is_new => marks.push(mark),
            Ok(_) => {}
            Err(error) => {
                give_back(storage, marks, leads).await;
                return Err(failed(error));
            }
        }
    }
    Ok(marks)
}

/// Takes marks back, last the one that keeps others away. Only while this process `leads`: the next leader may have taken in
/// the same job, which finds the snapshot claimed for it and relies on that.
async fn give_back(storage: &Storage, marks: Vec<StorageUri>, leads: impl Fn() -> bool) {
    for mark in marks.into_iter().rev() {
        if !leads() {
            warn!(%mark, "a claim of a snapshot stays: this process may not lead any more, and the next leader may have the job");
            return;
        }
        if let Err(error) = storage.delete(&mark).await {
            warn!(%mark, %error, "cannot give a claimed snapshot back: delete this file to use the snapshot again");
        }
    }
}

impl Restored {
    /// Takes back what was done, since there will be no such job as long as this process `leads`.
    pub(super) async fn undo(self, storage: &Storage, leads: impl Fn() -> bool) {
        give_back(storage, self.claim, leads).await;
    }
}
