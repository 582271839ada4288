//! Deletes what no checkpoint of a job needs, and nothing that others need or that is not known.

use std::{collections::BTreeMap, sync::Arc};

use flott_control::job_master::InitialSnapshot;
use flott_core::{
    JobId,
    checkpoint::{CheckpointMetadata, RestorePoint, SnapshotKind},
};
use flott_storage::{METADATA_FILE, Storage, StorageUri, delete_files};
use futures::{StreamExt, stream};
use tracing::{debug, warn};

use super::SnapshotSpec;
use crate::claims::{self, CLAIM_MARKER};

/// How many files or directories are deleted at the same time.
const DELETED_AT_ONCE: usize = 8;

#[derive(Clone, Copy)]
pub(super) enum Target {
    File,
    Directory,
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Deleter {
    storage: Storage,
    job_id: JobId,
    /// The snapshot that the job began with, if that is its own since.
    claimed: Option<Arc<Claimed>>,
    /// The job's directory.
    own: StorageUri,
}

/// A snapshot that was another's and is the job's since it has begun with it.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    directory: StorageUri,
    /// What is in it; `None` if that can't be told any more.
    metadata: Option<Arc<CheckpointMetadata>>,
}

impl Claimed {
    /// What a job has claimed that began with `point`. `initial`: the same with what is in it, if that is known.
    pub(crate) fn of(point: Option<&RestorePoint>, initial: Option<&InitialSnapshot>) -> Option<Self> {
        let point = point.filter(|point| point.owned)?;
        let directory = point.metadata.parse::<StorageUri>().ok()?.parent()?;
        Some(Self { directory, metadata: initial.map(|initial| initial.metadata.clone()) })
    }
}

impl Deleter {
    pub(super) fn new(spec: &SnapshotSpec, job_id: JobId) -> Self {
        let claimed = spec.claimed.clone().map(Arc::new);
        Self { storage: spec.storage.clone(), job_id, claimed, own: spec.directory.clone() }
    }

    /// Deletes files, and directories with all that is in them, as far as that is possible.
    pub(super) async fn delete(&self, uris: Vec<(Target, String)>) {
        let (count, mut errors) = (uris.len(), Vec::new());
        let mut wanted = Vec::with_capacity(count);
        let mut free = BTreeMap::new();
        for (target, uri) in uris {
            match uri.parse() {
                Ok(uri) if self.may_delete(target, &uri, &mut free).await => wanted.push((target, uri)),
                Ok(_) => {}
                Err(error) => errors.push(flott_storage::Error::from(error)),
            }
        }
        let deletions = wanted.into_iter().map(|(target, uri)| self.delete_one(target, uri));
        let mut results = stream::iter(deletions).buffer_unordered(DELETED_AT_ONCE);
        while let Some(result) = results.next().await {
            errors.extend(result.err());
        }
        match errors.first() {
            None => debug!(count, "deleted what no checkpoint needs"),
            Some(error) => {
                warn!(count, failed = errors.len(), %error, "some files of old checkpoints stay behind");
            }
        }
    }

    /// Files beside a claimed snapshot may be needed by others of which the job knows nothing. `free` has what is known of
    /// their places.
    async fn may_delete(
        &self,
        target: Target,
        uri: &StorageUri,
        free: &mut BTreeMap<StorageUri, bool>,
    ) -> bool {
        let (Some(claimed), Target::File) = (&self.claimed, target) else { return true };
        if claims::is_within(uri, &self.own) || claims::is_within(uri, &claimed.directory) {
            return true;
        }
        let Some(place) = claims::place_of(uri) else { return false };
        if let Some(known) = free.get(&place) {
            return *known;
        }
        let is_free = claims::is_free_for(&self.storage, &place, self.job_id, &claimed.directory).await;
        let is_free = is_free.unwrap_or_else(|error| {
            warn!(%place, %error, "cannot tell who needs files that were claimed: they stay behind");
            false
        });
        free.insert(place, is_free);
        is_free
    }

    async fn delete_one(&self, target: Target, uri: StorageUri) -> flott_storage::Result<()> {
        match (target, &self.claimed) {
            (Target::File, _) => self.storage.delete(&uri).await,
            (Target::Directory, Some(claimed)) if claimed.directory == uri && !claimed.is_checkpoint() => {
                self.delete_savepoint(claimed).await
            }
            (Target::Directory, _) => self.storage.delete_dir(&uri).await,
        }
    }

    /// A savepoint is in a directory of its user's, who may have put something there: only what is of the savepoint goes.
    async fn delete_savepoint(&self, claimed: &Claimed) -> flott_storage::Result<()> {
        let Claimed { directory, metadata } = claimed;
        self.storage.delete(&directory.join(METADATA_FILE)).await?;
        let is_inside =
            |path: &str| directory.resolve(path).is_ok_and(|file| claims::is_within(&file, directory));
        let files = metadata.iter().flat_map(|metadata| metadata.files());
        let files: Vec<_> = files.filter(|file| is_inside(&file.path)).cloned().collect();
        if let Some(error) = delete_files(&self.storage, directory, &files).await.into_iter().next() {
            return Err(error);
        }
        self.storage.delete(&directory.join(CLAIM_MARKER)).await?;
        match self.storage.list(directory).await?.is_empty() {
            true => self.storage.delete_dir(directory).await,
            false => Ok(()),
        }
    }
}

impl Claimed {
    /// Whether it is known to be a checkpoint, in whose directory there is nothing but what is of it.
    fn is_checkpoint(&self) -> bool {
        self.metadata
            .as_ref()
            .is_some_and(|metadata| matches!(metadata.kind, SnapshotKind::Checkpoint { .. }))
    }
}
