//! Deletes savepoints, and retained checkpoints, that nobody needs any more.

#[cfg(test)]
mod tests;

use flott_core::{
    FailureCause, FailureKind, JobId,
    checkpoint::{CheckpointMetadata, SnapshotKind, StateFile},
};
use flott_storage::{METADATA_FILE, Storage, StorageUri, StoredSnapshot, delete_files, load_metadata};
use tracing::info;

use super::restore::{CLAIM_MARKER, claimant};

/// Deletes a snapshot: first its `_metadata`, so that it never looks whole when it is not, then its files, then its directory
/// if nothing else is in it. `is_running` tells whether a job lives, to which a claimed snapshot would belong.
///
/// # Errors
/// If there is no snapshot, if it can't be read or deleted, or if it belongs to a job that lives.
pub(super) async fn dispose(
    storage: &Storage,
    uri: &StorageUri,
    is_running: impl Fn(JobId) -> bool,
) -> Result<(), FailureCause> {
    let StoredSnapshot { metadata, directory, file, .. } =
        load_metadata(storage, uri).await.map_err(failure)?;
    let claimant = claimant(storage, &directory).await.map_err(failure)?;
    let is_checkpoint = matches!(metadata.kind, SnapshotKind::Checkpoint { .. });
    let owner = match claimant {
        Some(id) => id.parse().ok(),
        None => is_checkpoint.then_some(metadata.job_id),
    };
    if let Some(owner) = owner.filter(|owner| is_running(*owner)) {
        let message = format!("{directory} belongs to job {owner}, which still runs: stop that job first");
        return Err(FailureCause::new(FailureKind::UserError, message));
    }
    let (inside, shared) = files(&metadata, &directory);
    storage.delete(&file).await.map_err(failure)?;
    let mut errors = delete_files(storage, &directory, &inside).await;
    // What is in the directory beside it is shared by all checkpoints of its job.
    if is_checkpoint && !shared.is_empty() && is_last(storage, &directory).await.map_err(failure)? {
        errors.extend(delete_files(storage, &directory, &shared).await);
    }
    errors.extend(storage.delete(&directory.join(CLAIM_MARKER)).await.err());
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

/// Whether no other checkpoint of the job is left that could refer to shared files.
async fn is_last(storage: &Storage, directory: &StorageUri) -> flott_storage::Result<bool> {
    let Some(parent) = directory.parent() else { return Ok(false) };
    let files = storage.list(&parent).await?;
    Ok(!files.iter().any(|file| file.uri.name() == METADATA_FILE))
}

fn failure(error: flott_storage::Error) -> FailureCause {
    let kind = if error.is_missing() { FailureKind::UserError } else { FailureKind::External };
    FailureCause::new(kind, error.to_string())
}
