//! Deletes savepoints, and retained checkpoints, that nobody needs any more.

#[cfg(test)]
mod tests;

use flott_core::{
    FailureCause, FailureKind, JobId,
    checkpoint::{CheckpointMetadata, SnapshotKind, StateFile},
};
use flott_storage::{METADATA_FILE, Storage, StorageUri, StoredSnapshot, delete_files, load_metadata};
use tracing::info;

use crate::claims::{self, CLAIM_MARKER, Claim};

/// Deletes a snapshot: first its `_metadata`, so that it never looks whole when it is not, then its files, then its directory
/// if nothing else is in it. `is_running` tells whether a job lives, to which a claimed snapshot would belong.
///
/// # Errors
/// If there is no snapshot, if it can't be read or deleted, or if it belongs to a job that lives or has left checkpoints which
/// need it.
pub(super) async fn dispose(
    storage: &Storage,
    uri: &StorageUri,
    is_running: impl Fn(JobId) -> bool,
) -> Result<(), FailureCause> {
    let StoredSnapshot { metadata, directory, file, .. } =
        load_metadata(storage, uri).await.map_err(failure)?;
    let claim = claims::claim_of(storage, &directory).await.map_err(failure)?;
    let shares = claims::shares_of(storage, &directory).await.map_err(failure)?;
    let is_checkpoint = matches!(metadata.kind, SnapshotKind::Checkpoint { .. });
    let is_claimed = claim.is_some();
    let (marks, claims): (Vec<_>, Vec<_>) = shares.into_iter().unzip();
    for claim in claim.into_iter().chain(claims) {
        if let Some(need) = need(storage, &claim, &is_running).await.map_err(failure)? {
            let message = format!("{directory} belongs to job {}, which {need}", claim.job_id);
            return Err(FailureCause::new(FailureKind::UserError, message));
        }
    }
    if is_checkpoint && !is_claimed && is_running(metadata.job_id) {
        let message = format!("{directory} belongs to job {}, which {STILL_RUNS}", metadata.job_id);
        return Err(FailureCause::new(FailureKind::UserError, message));
    }
    let (inside, shared) = files(&metadata, &directory);
    storage.delete(&file).await.map_err(failure)?;
    let mut errors = delete_files(storage, &directory, &inside).await;
    // What is in the directory beside it is shared by all checkpoints of its job, and by jobs that have claimed one of them.
    if is_checkpoint
        && !shared.is_empty()
        && is_last(storage, &directory, &is_running).await.map_err(failure)?
    {
        errors.extend(delete_files(storage, &directory, &shared).await);
    }
    for mark in marks.iter().chain([&directory.join(CLAIM_MARKER)]) {
        errors.extend(storage.delete(mark).await.err());
    }
    if let Some(error) = errors.into_iter().next() {
        return Err(failure(error).context(format!("{directory} is disposed only in part")));
    }
    if storage.list(&directory).await.map_err(failure)?.is_empty() {
        storage.delete_dir(&directory).await.map_err(failure)?;
    }
    info!(path = %directory, checkpoint_id = %metadata.checkpoint_id, "disposed a snapshot");
    Ok(())
}

/// The files that lie in the snapshot's directory, and those beside it. Any others are not its own.
fn files(metadata: &CheckpointMetadata, directory: &StorageUri) -> (Vec<StateFile>, Vec<StateFile>) {
    let is_relative = |file: &&StateFile| {
        directory.resolve(&file.path).is_ok_and(|uri| uri.relative_to(directory) == file.path)
            && !file.path.contains(":/")
    };
    metadata.files().filter(is_relative).cloned().partition(|file| !file.path.starts_with("../"))
}

/// Whether no other checkpoint is left that could refer to shared files.
async fn is_last(
    storage: &Storage,
    directory: &StorageUri,
    is_running: impl Fn(JobId) -> bool,
) -> flott_storage::Result<bool> {
    let Some(parent) = directory.parent() else { return Ok(false) };
    let files = storage.list(&parent).await?;
    if files.iter().any(|file| file.uri.name() == METADATA_FILE) {
        return Ok(false);
    }
    for (_, claim) in claims::shares_of(storage, &parent).await? {
        if need(storage, &claim, &is_running).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

const STILL_RUNS: &str = "still runs: stop that job first";

/// Why a job that has claimed something needs it, if it does, and what to do about it.
async fn need(
    storage: &Storage,
    claim: &Claim,
    is_running: impl Fn(JobId) -> bool,
) -> flott_storage::Result<Option<&'static str>> {
    if claim.job_id.parse().is_ok_and(is_running) {
        return Ok(Some(STILL_RUNS));
    }
    let has_checkpoints = claim.has_checkpoints(storage).await?;
    Ok(has_checkpoints.then_some("has left checkpoints that need it: dispose of those first"))
}

fn failure(error: flott_storage::Error) -> FailureCause {
    let kind = if error.is_missing() { FailureKind::UserError } else { FailureKind::External };
    FailureCause::new(kind, error.to_string())
}
