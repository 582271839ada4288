//! The store of uploaded artifacts.
//!
//! Content lies under its digest, so that two uploads of one program share it and no name of a client's ever becomes a
//! path. What clients see are ids, `<uuid>_<name>` as Flink's: deleting an id forgets it at once, while the content
//! stays until the last job that runs it has ended.
//!
//! If other leaders are on other machines, the directory is a cache of this process. The content lies in the store for the next
//! leader, too, and what is known of an upload is a record there.
//!
//! ```text
//! <directory>/blobs/<digest>          the content, executable, never changed
//! <directory>/<uuid>.json             what is known of one upload
//! <directory>/blobs/.upload-…         an upload under way, removed if it fails
//! ```

mod id;
mod index;
mod lease;
mod shared;
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

use crate::{Error, ha::Store, view::ArtifactView};
use index::Index;
use shared::Shared;
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
    shared: Option<Shared>,
    /// Set if the store is to vanish with the process.
    _temporary: Option<TemporaryDirectory>,
}

impl ArtifactStore {
    /// The store in `directory`, which is made if absent, with what an earlier process left there. Contents that nothing
    /// refers to stay until they are [swept](Self::sweep), since jobs may need them.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(directory: &Path, limit: u64) -> Result<Self, Error> {
        let index = load(directory)?;
        Self::new(directory.to_owned(), limit, index, None, None)
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
        Self::new(temporary.path().to_owned(), limit, Index::default(), None, Some(temporary))
    }

    /// The store of leaders on several machines, with a cache that is removed when its last handle is gone.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::NotStored`] if what is stored can't be read, [`Error::NoLeader`].
    pub(crate) async fn shared(store: Store, root: &Path, limit: u64) -> Result<Self, Error> {
        let (shared, index) = Shared::open(store).await?;
        let cache = Self::temporary(root, limit)?.inner;
        let Some(Inner { directory, limit, _temporary, .. }) = Arc::into_inner(cache) else {
            return Err(Error::ShuttingDown);
        };
        Self::new(directory, limit, index, Some(shared), _temporary)
    }

    fn new(
        directory: PathBuf,
        limit: u64,
        index: Index,
        shared: Option<Shared>,
        temporary: Option<TemporaryDirectory>,
    ) -> Result<Self, Error> {
        make_blobs(&directory)?;
        let index = Mutex::new(index);
        Ok(Self { inner: Arc::new(Inner { directory, limit, index, shared, _temporary: temporary }) })
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
        let Some(shared) = &self.inner.shared else {
            return blocking(move || {
                flott_artifact::inspect(received.path())?;
                inner.admit(id, received)
            })
            .await;
        };
        let received = blocking(move || {
            flott_artifact::inspect(received.path())?;
            Ok(received)
        })
        .await?;
        let _turn = shared.turn().await;
        let view = describe(id, &received);
        shared.keep(received.path(), received.digest(), &view).await?;
        blocking(move || inner.cache(view, received)).await
    }

    /// Forgets an upload. Its content goes with the last upload or job that uses it.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`].
    pub(crate) async fn delete(&self, id: &ArtifactId) -> Result<(), Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        let turn = match &self.inner.shared {
            Some(shared) => {
                let turn = shared.turn().await;
                if !self.inner.index().contains(&id) {
                    return Err(Error::ArtifactNotFound(id));
                }
                shared.forget(&id).await?;
                Some((shared, turn))
            }
            None => None,
        };
        let unused = blocking(move || {
            let mut index = inner.index();
            let unused = index.remove(&id).ok_or_else(|| Error::ArtifactNotFound(id.clone()))?;
            remove_file(&inner.directory.join(index::metadata_name(&id)))?;
            if let Some(digest) = unused {
                remove_file(&inner.blob_path(digest))?;
            }
            info!(artifact_id = %id, "artifact deleted");
            Ok(unused)
        })
        .await?;
        if let (Some((shared, _turn)), Some(digest)) = (turn, unused) {
            shared.delete(digest).await;
        }
        Ok(())
    }

    /// Keeps the content of an upload until the lease is dropped.
    ///
    /// # Errors
    /// [`Error::ArtifactNotFound`].
    pub(crate) fn lease(&self, id: &ArtifactId) -> Result<ArtifactLease, Error> {
        let digest = self.inner.index().lease(id).ok_or_else(|| Error::ArtifactNotFound(id.clone()))?;
        Ok(ArtifactLease::new(self.inner.clone(), digest))
    }

    /// Keeps the content of this digest until the lease is dropped, if it is there.
    pub(crate) fn lease_digest(&self, digest: &str) -> Option<ArtifactLease> {
        let digest = digest.parse().ok()?;
        let mut index = self.inner.index();
        let is_shared = self.inner.shared.as_ref().is_some_and(|shared| shared.had(digest));
        if !is_shared && !self.inner.blob_path(digest).is_file() {
            return None;
        }
        index.lease_digest(digest);
        Some(ArtifactLease::new(self.inner.clone(), digest))
    }

    /// Removes what neither an upload nor a lease needs.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let inner = self.inner.clone();
        blocking(move || {
            let directory = inner.directory.clone();
            let swept = inner.index().sweep(&directory);
            swept.map_err(|source| Error::File { action: "clear", path: directory, source })
        })
        .await?;
        if let Some(shared) = &self.inner.shared {
            let _turn = shared.turn().await;
            shared.sweep(|digest| self.inner.index().is_used(digest)).await;
        }
        Ok(())
    }

    /// Sees to it that the content of this digest is on this machine, if it is anywhere.
    ///
    /// # Errors
    /// [`Error::NotStored`] if it can't be fetched, [`Error::File`].
    pub(crate) async fn fetch(&self, digest: ArtifactDigest) -> Result<(), Error> {
        let Some(shared) = &self.inner.shared else { return Ok(()) };
        let path = self.inner.blob_path(digest);
        let _turn = shared.turn().await;
        match tokio::fs::try_exists(&path).await {
            Ok(true) => Ok(()),
            _ => shared.fetch(digest, &path).await,
        }
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
        self.fetch(digest).await?;
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
        let view = describe(id, &received);
        let mut index = self.index();
        let digest = received.digest();
        received.store_as(&self.blob_path(digest))?;
        index::write_metadata(&self.directory, &view)?;
        index.insert(view.clone(), digest);
        info!(artifact_id = %view.id, digest = %view.digest, size = view.size, "artifact stored");
        Ok(view)
    }

    /// Takes in an upload that is stored for the next leader. Blocks.
    fn cache(&self, view: ArtifactView, received: upload::Received) -> Result<ArtifactView, Error> {
        let mut index = self.index();
        let digest = received.digest();
        index.insert(view.clone(), digest);
        info!(artifact_id = %view.id, digest = %view.digest, size = view.size, "artifact stored");
        received.store_as(&self.blob_path(digest))?;
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

fn describe(id: ArtifactId, received: &upload::Received) -> ArtifactView {
    ArtifactView {
        name: id.name().to_owned(),
        id,
        digest: received.digest().to_string(),
        size: received.size(),
        uploaded_unix_ms: crate::clock::unix_ms(),
        entries: Vec::new(),
    }
}

fn make_blobs(directory: &Path) -> Result<(), Error> {
    let blobs = directory.join(index::BLOBS);
    fs::create_dir_all(&blobs).map_err(|source| Error::File { action: "make", path: blobs, source })
}

/// What an earlier process has left in a directory.
fn load(directory: &Path) -> Result<Index, Error> {
    make_blobs(directory)?;
    Index::load(directory).map_err(|source| Error::File {
        action: "read",
        path: directory.to_owned(),
        source,
    })
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
