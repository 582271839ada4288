//! Artifacts in the store for the next leader, which may be on another machine.

use std::{collections::BTreeSet, fs, io, os::unix::fs::PermissionsExt, path::Path};

use flott_artifact::{ArtifactDigest, DigestBuilder};
use tokio::{
    io::AsyncReadExt,
    sync::{Mutex, MutexGuard},
};
use tracing::{debug, warn};

use super::{
    ArtifactId,
    index::{self, Index},
};
use crate::{
    Error,
    ha::{Op, Store},
    view::ArtifactView,
};

/// Under which the uploads are described.
const ARTIFACTS: &str = "artifacts/";
/// How the names of contents begin.
const FILE_PREFIX: &str = "artifact-";
/// How much of a content is read at a time to be checked.
const CHUNK_BYTES: usize = 256 * 1024;

/// Contents and descriptions in the store. What is deleted while somebody needs it, is deleted there by the next leader.
pub(super) struct Shared {
    store: Store,
    /// The contents that were there in the beginning.
    first: BTreeSet<ArtifactDigest>,
    /// Held by whoever changes something or fetches a content, so that none is deleted that comes a second time.
    turn: Mutex<()>,
}

impl Shared {
    /// What earlier leaders have left.
    ///
    /// # Errors
    /// [`Error::NotStored`], [`Error::NoLeader`].
    pub(super) async fn open(store: Store) -> Result<(Self, Index), Error> {
        let failed = |error| Error::not_stored(&error);
        let names = store.list_blobs(FILE_PREFIX).await.map_err(failed)?;
        let first: BTreeSet<ArtifactDigest> = names.iter().filter_map(|name| parse(name)).collect();
        let mut index = Index::default();
        for (key, value) in store.list(ARTIFACTS).await.map_err(failed)? {
            if let Err(error) = index.insert_described(&value) {
                warn!(key, %error, "skipped an unreadable description of an artifact");
            }
        }
        Ok((Self { store, first, turn: Mutex::default() }, index))
    }

    /// Waits until nobody else changes something.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether an earlier leader has left this content.
    pub(super) fn had(&self, digest: ArtifactDigest) -> bool {
        self.first.contains(&digest)
    }

    /// Keeps a content and what is known of its upload.
    ///
    /// # Errors
    /// [`Error::NotStored`], [`Error::NoLeader`].
    pub(super) async fn keep(
        &self,
        content: &Path,
        digest: ArtifactDigest,
        view: &ArtifactView,
    ) -> Result<(), Error> {
        let description = index::describe(view).map_err(|source| Error::File {
            action: "describe",
            path: content.to_owned(),
            source,
        })?;
        let failed = |error| Error::not_stored(&error);
        self.store.put_blob_file(&name(digest), content).await.map_err(failed)?;
        self.store.commit(vec![Op::put(key(&view.id), description)]).await.map_err(failed)
    }

    /// Forgets an upload, but not its content.
    ///
    /// # Errors
    /// [`Error::NotStored`], [`Error::NoLeader`].
    pub(super) async fn forget(&self, id: &ArtifactId) -> Result<(), Error> {
        self.store.commit(vec![Op::delete(key(id))]).await.map_err(|error| Error::not_stored(&error))
    }

    /// Deletes a content that nobody needs. What stays is deleted by the next leader.
    pub(super) async fn delete(&self, digest: ArtifactDigest) {
        if let Err(error) = self.store.delete_blob(&name(digest)).await {
            debug!(%digest, %error, "an unused artifact stays behind");
        }
    }

    /// Deletes all contents that nobody needs.
    pub(super) async fn sweep(&self, is_used: impl Fn(ArtifactDigest) -> bool) {
        for digest in self.first.iter().copied().filter(|digest| !is_used(*digest)) {
            self.delete(digest).await;
        }
    }

    /// Writes a content to `path`, whole and checked.
    ///
    /// # Errors
    /// [`Error::DigestNotFound`], [`Error::NotStored`], [`Error::NoLeader`], [`Error::File`].
    pub(super) async fn fetch(&self, digest: ArtifactDigest, path: &Path) -> Result<(), Error> {
        let failed = |source: io::Error| Error::File { action: "fetch", path: path.to_owned(), source };
        let directory = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .prefix(".upload-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempfile_in(directory)
            .map_err(failed)?;
        let fetched = file.into_temp_path();
        self.store.get_blob_file(&name(digest), &fetched).await.map_err(|error| {
            match error.is_missing() {
                true => Error::DigestNotFound(digest.to_string()),
                false => Error::not_stored(&error),
            }
        })?;
        if digest_of(&fetched).await.map_err(failed)? != digest {
            return Err(failed(io::Error::other("its content is not that of its digest")));
        }
        fetched.persist(path).map_err(|error| failed(error.error))
    }
}

fn key(id: &ArtifactId) -> String {
    format!("{ARTIFACTS}{}", id.uuid().unwrap_or_default())
}

fn name(digest: ArtifactDigest) -> String {
    format!("{FILE_PREFIX}{digest}")
}

fn parse(name: &str) -> Option<ArtifactDigest> {
    name.strip_prefix(FILE_PREFIX)?.parse().ok()
}

async fn digest_of(path: &Path) -> io::Result<ArtifactDigest> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut digest = DigestBuilder::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk).await?;
        if length == 0 {
            return Ok(digest.finish());
        }
        digest.update(&chunk[..length]);
    }
}
