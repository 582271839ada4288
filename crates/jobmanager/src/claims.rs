//! Who needs the files of which snapshot, as it is written beside them.
//!
//! A job that claims a snapshot leaves a mark beside its `_metadata`, and there can be but one. If the snapshot refers to files
//! elsewhere, as checkpoints do to those that all of their job share, it leaves one there too, since other checkpoints that
//! refer to the same files may be claimed by others or by nobody. The marks name the job and where its own checkpoints are:
//! as long as there are any, they may refer to what was claimed.

use std::collections::BTreeSet;

use flott_core::{JobId, checkpoint::CheckpointMetadata};
use flott_storage::{FailureKind, METADATA_FILE, Result, Storage, StorageUri};

/// The mark beside a `_metadata`.
pub(crate) const CLAIM_MARKER: &str = ".flott-claimed";
/// The marks beside files that are referred to from elsewhere: this, and the job's id.
const SHARE_MARKER: &str = ".flott-claimed-by-";
/// The folder with files that all checkpoints of a job may refer to.
const SHARED_FOLDER: &str = "shared";

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The job's id, as it is written there.
    pub(crate) job_id: String,
    /// Where its checkpoints are, if that is written there.
    checkpoints: Option<StorageUri>,
}

impl Claim {
    pub(crate) fn new(job_id: JobId, checkpoints: StorageUri) -> Self {
        Self { job_id: job_id.to_string(), checkpoints: Some(checkpoints) }
    }

    fn parse(content: &[u8]) -> Self {
        let content = String::from_utf8_lossy(content);
        let mut lines = content.lines();
        let job_id = lines.next().unwrap_or_default().to_owned();
        Self { job_id, checkpoints: lines.next().and_then(|line| line.parse().ok()) }
    }

    fn text(&self) -> String {
        match &self.checkpoints {
            Some(checkpoints) => format!("{}\n{checkpoints}\n", self.job_id),
            None => self.job_id.clone(),
        }
    }

    /// Marks a snapshot as this job's.
    ///
    /// # Errors
    /// [`FailureKind::Exists`] if it is another job's; otherwise as [`Storage::put_new`].
    pub(crate) async fn mark(&self, storage: &Storage, directory: &StorageUri) -> Result<StorageUri> {
        let marker = directory.join(CLAIM_MARKER);
        storage.put_new(&marker, self.text().into()).await.map(|()| marker)
    }

    /// Marks a place of files as one that this job's checkpoints may refer to.
    ///
    /// # Errors
    /// As [`Storage::put`].
    pub(crate) async fn mark_shared(&self, storage: &Storage, place: &StorageUri) -> Result<StorageUri> {
        let marker = place.join(&format!("{SHARE_MARKER}{}", self.job_id));
        storage.put(&marker, self.text().into()).await.map(|()| marker)
    }

    /// Whether there are checkpoints of the job, which may refer to what it has claimed.
    ///
    /// # Errors
    /// If that can't be told.
    pub(crate) async fn has_checkpoints(&self, storage: &Storage) -> Result<bool> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(false) };
        Ok(storage.list(checkpoints).await?.iter().any(|file| file.uri.name() == METADATA_FILE))
    }

    /// Whether there are none and will be none: of a job that runs, or has left some, the directory is there.
    async fn is_over(&self, storage: &Storage) -> Result<bool> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(false) };
        Ok(storage.list(checkpoints).await?.is_empty())
    }
}

/// Who has claimed a snapshot.
///
/// # Errors
/// If that can't be told.
pub(crate) async fn claim_of(storage: &Storage, directory: &StorageUri) -> Result<Option<Claim>> {
    read(storage, &directory.join(CLAIM_MARKER)).await
}

/// The marks of those who may refer to files in this place, each with its claim.
///
/// # Errors
/// If that can't be told.
pub(crate) async fn shares_of(storage: &Storage, place: &StorageUri) -> Result<Vec<(StorageUri, Claim)>> {
    let mut shares = Vec::new();
    for file in storage.list(place).await? {
        let is_here = file.uri.parent().as_ref() == Some(place);
        if is_here
            && file.uri.name().starts_with(SHARE_MARKER)
            && let Some(claim) = read(storage, &file.uri).await?
        {
            shares.push((file.uri, claim));
        }
    }
    Ok(shares)
}

/// Whether nobody needs the files of a place but the job that has claimed the snapshot in `claimed`.
///
/// # Errors
/// If that can't be told.
pub(crate) async fn is_free_for(
    storage: &Storage,
    place: &StorageUri,
    job_id: JobId,
    claimed: &StorageUri,
) -> Result<bool> {
    let files = storage.list(place).await?;
    let mut others = files.iter().filter(|file| !is_within(&file.uri, claimed));
    if others.any(|file| file.uri.name() == METADATA_FILE) {
        return Ok(false);
    }
    for (_, claim) in shares_of(storage, place).await? {
        if claim.job_id != job_id.to_string() && !claim.is_over(storage).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The places outside of a snapshot's directory in which files of it are.
pub(crate) fn shared_places(metadata: &CheckpointMetadata, directory: &StorageUri) -> BTreeSet<StorageUri> {
    let files = metadata.files().filter_map(|file| directory.resolve(&file.path).ok());
    files.filter(|file| !is_within(file, directory)).filter_map(|file| place_of(&file)).collect()
}

/// Where the marks stand of those who refer to a file.
pub(crate) fn place_of(file: &StorageUri) -> Option<StorageUri> {
    let folder = file.parent()?;
    if folder.name() == SHARED_FOLDER { folder.parent() } else { Some(folder) }
}

/// Whether a file or directory is somewhere in a directory.
pub(crate) fn is_within(uri: &StorageUri, directory: &StorageUri) -> bool {
    std::iter::successors(uri.parent(), StorageUri::parent).any(|above| above == *directory)
}

/// Whether a mark could not be made since there is one.
pub(crate) fn is_taken(error: &flott_storage::Error) -> bool {
    error.failure() == Some(FailureKind::Exists)
}

async fn read(storage: &Storage, marker: &StorageUri) -> Result<Option<Claim>> {
    match storage.get(marker).await {
        Ok(content) => Ok(Some(Claim::parse(&content))),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}
