//! The store of uploaded artifacts.
//!
//! Content lies under its digest, so that two uploads of one program share it and no name of a client's ever becomes a
//! path. What clients see are ids, `<uuid>_<name>` as Flink's: deleting an id forgets it at once, while the content
//! stays until the last job that runs it has ended.
//!
//! ```text
//! <directory>/blobs/<digest>          the content, executable, never changed
//! <directory>/<uuid>.json             what is known of one upload
//! <directory>/blobs/.upload-…         an upload under way, removed if it fails
//! ```

mod id;
mod index;
mod lease;
pub(crate) mod temporary;
mod upload;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use flott_artifact::ArtifactDigest;
use flott_core::sdk::EntryInfo;
use futures::Stream;
use tracing::{info, warn};

pub use id::ArtifactId;
pub(crate) use lease::ArtifactLease;

use crate::{Error, view::ArtifactView};
use index::Index;
use temporary::TemporaryDirectory;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct ArtifactStore {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    /// Most bytes of one artifact.
    limit: u64,
    /// Held for the renaming, writing and removing of single files too, so that a blob never vanishes between the
    /// arrival of its second upload and the deletion of its first. Never held while content is copied.
    index: Mutex<Index>,
    /// Set if the store is to vanish with the process.
    _temporary: Option<TemporaryDirectory>,
}

impl ArtifactStore {
    /// The store in `directory`, which is made if absent, with what an earlier process left there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(directory: &Path, limit: u64) -> Result<Self, Error> {
        Self::new(directory.to_owned(), limit, None)
    }

    /// A store that is removed when its last handle is gone.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn temporary(root: &Path, limit: u64) -> Result<Self, Error> {
        let temporary = TemporaryDirectory::new(root).map_err(|source| Error::File {
            action: "make a directory in",
            path: root.to_owned(),
            source,
        })?;
        Self::new(temporary.path().to_owned(), limit, Some(temporary))
    }

    fn new(directory: PathBuf, limit: u64, temporary: Option<TemporaryDirectory>) -> Result<Self, Error> {
        let blobs = directory.join(index::BLOBS);
        fs::create_dir_all(&blobs).map_err(|source| Error::File { action: "make", path: blobs, source })?;
        let index = Index::load(&directory).map_err(|source| Error::File {
            action: "read",
            path: directory.clone(),
            source,
        })?;
        Ok(Self {
            inner: Arc::new(Inner { directory, limit, index: Mutex::new(index), _temporary: temporary }),
        })
    }

    /// All uploads, newest first.
    pub(crate) fn list(&self) -> Vec<ArtifactView> {
        self.inner.index().list()
    }

    /// Stores an upload. See [`ClusterHandle::upload`](crate::ClusterHandle::upload).
    pub(crate) async fn upload<E>(
        &self,
        name: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<ArtifactView, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let id = ArtifactId::generate(name).ok_or(Error::NamelessArtifact)?;
        let blobs = self.inner.directory.join(index::BLOBS);
        let received = upload::receive(&blobs, self.inner.limit, body).await?;
        let inner = self.inner.clone();
        blocking(move || {
            flott_artifact::inspect(received.path())?;
            inner.admit(id, received)
        })
        .await
    }

    /// Forgets an upload. Its content goes with the last upload or job that uses it.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`].
    pub(crate) async fn delete(&self, id: &ArtifactId) -> Result<(), Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        blocking(move || {
            let mut index = inner.index();
            let unused = index.remove(&id).ok_or_else(|| Error::ArtifactNotFound(id.clone()))?;
            remove_file(&inner.directory.join(index::metadata_name(&id)))?;
            if let Some(digest) = unused {
                remove_file(&inner.blob_path(digest))?;
            }
            info!(artifact_id = %id, "artifact deleted");
            Ok(())
        })
        .await
    }

    /// Keeps the content of an upload until the lease is dropped.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`].
    pub(crate) fn lease(&self, id: &ArtifactId) -> Result<ArtifactLease, Error> {
        let digest = self.inner.index().lease(id).ok_or_else(|| Error::ArtifactNotFound(id.clone()))?;
        Ok(ArtifactLease::new(self.inner.clone(), digest))
    }

    /// Notes which entries an artifact turned out to have.
    pub(crate) fn set_entries(&self, digest: ArtifactDigest, entries: &[EntryInfo]) {
        self.inner.index().set_entries(digest, entries);
    }

    /// Opens the content of this digest.
    ///
    /// # Errors
    /// [`Error::DigestNotFound`], [`Error::File`].
    pub(crate) async fn read(&self, digest: ArtifactDigest) -> Result<tokio::fs::File, Error> {
        let path = self.inner.blob_path(digest);
        tokio::fs::File::open(&path).await.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::DigestNotFound(digest.to_string()),
            _ => Error::File { action: "read", path, source },
        })
    }
}

impl Inner {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("nothing panics while it holds the index")
    }

    fn blob_path(&self, digest: ArtifactDigest) -> PathBuf {
        self.directory.join(index::BLOBS).join(digest.to_string())
    }

    /// Takes a checked upload in. Blocks.
    fn admit(&self, id: ArtifactId, received: upload::Received) -> Result<ArtifactView, Error> {
        let view = ArtifactView {
            name: id.name().to_owned(),
            id,
            digest: received.digest().to_string(),
            size: received.size(),
            uploaded_unix_ms: crate::clock::unix_ms(),
            entries: Vec::new(),
        };
        let mut index = self.index();
        let digest = received.digest();
        received.store_as(&self.blob_path(digest))?;
        index::write_metadata(&self.directory, &view)?;
        index.insert(view.clone(), digest);
        info!(artifact_id = %view.id, digest = %view.digest, size = view.size, "artifact stored");
        Ok(view)
    }

    /// A lease has ended.
    fn release(&self, digest: ArtifactDigest) {
        let mut index = self.index();
        if index.release(digest)
            && let Err(error) = remove_file(&self.blob_path(digest))
        {
            warn!(%error, "an unused artifact was left behind");
        }
    }
}

/// Removes a file. That it is gone already is fine.
fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { action: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Runs what waits for the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::ShuttingDown)?
}

#[cfg(test)]
mod tests;
