//! What is kept for the next leader.

use std::path::Path;

use bytes::Bytes;
use flott_core::LeaderEpoch;

use super::{Op, SharedMemory};

/// Why something was not stored, or not read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// This process does not lead any more, so that nothing it wants counts.
    #[error("this JobManager does not lead any more")]
    Lost,
    /// There is no such file.
    #[error("there is no file {name}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It can't be stored, or not read at present.
    #[error(transparent)]
    Failed(flott_ha::StoreError),
}

impl StoreError {
    /// Whether this process does not lead any more.
    pub(crate) const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost)
    }

    /// Whether there is no such file.
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether it is what was to be stored that is wrong. Anything else may pass, as a full disk or expired credentials do.
    pub(crate) const fn is_refused(&self) -> bool {
        use flott_ha::StoreError as E;
        matches!(
            self,
            Self::Failed(
                E::TooLarge { .. }
                    | E::Refused { .. }
                    | E::Name { .. }
                    | E::Storage(flott_storage::Error::TooLarge { .. })
            )
        )
    }

    fn of(name: &str, error: flott_ha::StoreError) -> Self {
        match error {
            error if error.is_lost() => Self::Lost,
            error if error.is_missing() => Self::Missing { name: name.to_owned() },
            error => Self::Failed(error),
        }
    }
}

/// Records by their keys, and large files by their names. Whoever does not lead any more changes nothing. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store(Kind);

#[derive(Clone)]
enum Kind {
    Configured(flott_ha::Store),
    Shared { memory: SharedMemory, epoch: LeaderEpoch },
}

impl Store {
    pub(super) fn configured(store: flott_ha::Store) -> Self {
        Self(Kind::Configured(store))
    }

    pub(super) fn shared(memory: SharedMemory, epoch: LeaderEpoch) -> Self {
        Self(Kind::Shared { memory, epoch })
    }

    /// The records whose keys begin with `prefix`, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.list(prefix).await.map_err(|error| StoreError::of(prefix, error))
            }
            Kind::Shared { memory, epoch } => memory.list(*epoch, prefix),
        }
    }

    /// Does all of this or nothing. When it returns, that is certain. No key may be in it twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn commit(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Configured(store) => store.commit(ops).await.map_err(|error| StoreError::of("", error)),
            Kind::Shared { memory, epoch } => memory.commit(*epoch, ops).await,
        }
    }

    /// Keeps a file, which is never changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn put_blob(&self, name: &str, content: Bytes) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.put_blob(name, content).await.map_err(|error| StoreError::of(name, error))
            }
            Kind::Shared { memory, epoch } => memory.put_blob(*epoch, name, content),
        }
    }

    /// Keeps the content of a file on this machine.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn put_blob_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.put_blob_file(name, file).await.map_err(|error| StoreError::of(name, error))
            }
            Kind::Shared { memory, epoch } => {
                let content = tokio::fs::read(file).await.map_err(|_| missing(name))?;
                memory.put_blob(*epoch, name, content.into())
            }
        }
    }

    /// A file's content.
    ///
    /// # Errors
    /// [`StoreError`], [`StoreError::Missing`] for one.
    pub(crate) async fn get_blob(&self, name: &str) -> Result<Bytes, StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.get_blob(name).await.map_err(|error| StoreError::of(name, error))
            }
            Kind::Shared { memory, epoch } => memory.get_blob(*epoch, name),
        }
    }

    /// Writes a file's content to a file on this machine.
    ///
    /// # Errors
    /// As [`get_blob`](Self::get_blob).
    pub(crate) async fn get_blob_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.get_blob_file(name, file).await.map_err(|error| StoreError::of(name, error))
            }
            Kind::Shared { memory, epoch } => {
                let content = memory.get_blob(*epoch, name)?;
                tokio::fs::write(file, content).await.map_err(|_| missing(name))
            }
        }
    }

    /// Removes a file. That there is none is fine.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn delete_blob(&self, name: &str) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.delete_blob(name).await.map_err(|error| StoreError::of(name, error))
            }
            Kind::Shared { memory, epoch } => memory.delete_blob(*epoch, name),
        }
    }

    /// The names of all files that begin with `prefix`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn list_blobs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        match &self.0 {
            Kind::Configured(store) => {
                store.list_blobs(prefix).await.map_err(|error| StoreError::of(prefix, error))
            }
            Kind::Shared { memory, epoch } => memory.list_blobs(*epoch, prefix),
        }
    }
}

fn missing(name: &str) -> StoreError {
    StoreError::Missing { name: name.to_owned() }
}
