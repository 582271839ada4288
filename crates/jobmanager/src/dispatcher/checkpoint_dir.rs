//! Where a job's checkpoints go.

use flott_core::JobId;
use flott_storage::{Storage, StorageUri};

use crate::{Error, job_master::mark};

/// So many directories are tried for a job whose id was used before.
const NAMES: u32 = 1000;

/// Chooses a job's own directory in `root`: named like the job, or, if one of that name is in use by an earlier job of the same
/// id, with a number behind it. What that one has left there may still be needed, and is not this one's to delete.
///
/// `is_new`: the id was made for this job, so that there can't be an earlier one.
///
/// # Errors
/// [`Error::CheckpointDirectory`] if the storage can't be read.
pub(super) async fn choose(
    storage: &Storage,
    root: &StorageUri,
    job_id: JobId,
    is_new: bool,
) -> Result<StorageUri, Error> {
    let first = root.join(&job_id.to_string());
    if is_new {
        return Ok(first);
    }
    let numbered = (2..NAMES).map(|number| root.join(&format!("{job_id}-{number}")));
    for directory in std::iter::once(first.clone()).chain(numbered) {
        let files = storage.list(&directory).await.map_err(|source| failed(root, source))?;
        if files.is_empty() {
            return Ok(directory);
        }
    }
    Err(Error::Setting(format!("{first} and {NAMES} directories like it are in use: choose another job id")))
}

/// Makes the directory, so that task hosts can tell whether they see the same.
///
/// # Errors
/// [`Error::CheckpointDirectory`] if it can't be written to.
pub(super) async fn make(storage: &Storage, directory: &StorageUri, job_id: JobId) -> Result<(), Error> {
    mark(storage, directory, job_id).await.map_err(|source| failed(directory, source))
}

fn failed(directory: &StorageUri, source: flott_storage::Error) -> Error {
    Error::CheckpointDirectory { directory: directory.to_string(), source }
}

#[cfg(test)]
mod tests {
    use flott_storage::StorageOptions;

    use super::*;

    #[tokio::test]
    async fn a_directory_that_is_in_use_is_not_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let root: StorageUri = dir.path().to_str().unwrap().parse().unwrap();
        let storage = Storage::open(&StorageOptions::default());
        let job_id = JobId::from_bytes([9; 16]);
        let first = choose(&storage, &root, job_id, false).await.unwrap();
        assert_eq!(first, root.join(&job_id.to_string()));
        make(&storage, &first, job_id).await.unwrap();
        make(&storage, &first, job_id).await.unwrap();
        let second = choose(&storage, &root, job_id, false).await.unwrap();
        assert_eq!(second, root.join(&format!("{job_id}-2")));
        make(&storage, &second, job_id).await.unwrap();
        assert_eq!(choose(&storage, &root, job_id, false).await.unwrap(), root.join(&format!("{job_id}-3")));
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let root: StorageUri = file.to_str().unwrap().parse().unwrap();
        let options = StorageOptions::default().with_attempts(1, std::time::Duration::ZERO);
        let job_id = JobId::from_bytes([9; 16]);
        let error = make(&Storage::open(&options), &root.join("x"), job_id).await.unwrap_err().to_string();
        assert!(error.contains("file/x (execution.checkpointing.dir)"), "{error}");
    }
}
