//! What outlives a leader: records and blobs.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use flott_storage::StorageUri;

#[cfg(feature = "etcd")]
use crate::etcd::EtcdRecords;
use crate::{StoreError, blobs::Blobs, file::FileRecords, leadership::Standing, memory::Memory};

/// Most operations in one commit: etcd takes 128, and adds some of its own.
pub(crate) const MAX_OPS: usize = 100;
/// Longest key, so that each part of it fits into a file name.
const MAX_KEY: usize = 200;

/// Keys that are no records, as they stand beside these in etcd.
pub(crate) const RESERVED: [&str; 3] = ["leader", "cluster", "write"];
/// What begins the keys of JobManagers that are there, which are no records either.
pub(crate) const MEMBERS: &str = "members/";

/// A change of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a record, over whatever there was.
    Put {
        /// Its key: parts of letters, digits, `.`, `_` and `-`, joined by slashes, such as `jobs/7/spec`.
        key: String,
        /// What is in it.
        value: Bytes,
    },
    /// Deletes a record, if there is one.
    Delete {
        /// Its key.
        key: String,
    },
    /// Deletes all records whose keys begin so.
    DeletePrefix {
        /// How they begin: parts of keys and a slash at the end, such as `jobs/7/`.
        prefix: String,
    },
}

impl Op {
    /// Writes a record.
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into() }
    }

    /// Deletes a record.
    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    /// Deletes records.
    pub fn delete_prefix(prefix: impl Into<String>) -> Self {
        Self::DeletePrefix { prefix: prefix.into() }
    }

    fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => check_name(key),
            Self::DeletePrefix { prefix } => match prefix.strip_suffix('/') {
                Some(parts) => check_name(parts),
                None => Err(StoreError::Name { name: prefix.clone() }),
            },
        }
    }
}

/// What a leader stores. Cheap to clone; of no use any more when the leadership is lost.
///
/// Records are small and many; blobs are large, never change, and are shared by all leaders.
#[derive(Clone)]
pub struct Store {
    standing: Arc<Standing>,
    records: Records,
    blobs: Blobs,
}

#[derive(Clone)]
pub(crate) enum Records {
    Memory(Arc<Memory>),
    File(Arc<FileRecords>),
    #[cfg(feature = "etcd")]
    Etcd(Arc<EtcdRecords>),
}

impl Store {
    pub(crate) fn new(standing: Arc<Standing>, records: Records, blobs: Blobs) -> Self {
        Self { standing, records, blobs }
    }

    /// All records whose keys begin so, in the order of their keys; the empty prefix stands for all. They are as the last
    /// leader has left them, with what this one has changed. Waits for a store that does not answer. What is damaged is left
    /// out; what is only out of reach never is.
    ///
    /// # Errors
    /// [`StoreError::Lost`]; [`StoreError::Unreadable`] and for large ones [`StoreError::Storage`] if one of them can't be read
    /// just now.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.check_standing()?;
        match &self.records {
            Records::Memory(memory) => Ok(memory.list(prefix)),
            Records::File(files) => files.list(prefix, &self.standing).await,
            #[cfg(feature = "etcd")]
            Records::Etcd(etcd) => etcd.list(prefix).await,
        }
    }

    /// Carries out all of it or nothing, as one, if this process still leads. Returns when that is certain: what is unknown, or
    /// fails for a reason that may pass (no answer, no space left), is tried again for as long as it takes. No key may be
    /// changed twice in it.
    ///
    /// # Errors
    /// [`StoreError::Lost`] if this process leads no more; then the next leader sees whether it was carried out. Otherwise
    /// nothing was: [`StoreError::TooLarge`], [`StoreError::Name`], [`StoreError::Refused`], [`StoreError::Storage`].
    pub async fn commit(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        self.check_standing()?;
        ops.iter().try_for_each(Op::check)?;
        if ops.len() > MAX_OPS {
            return Err(StoreError::TooLarge {
                what: "the number of changes",
                size: ops.len(),
                most: MAX_OPS,
            });
        }
        if ops.is_empty() {
            return Ok(());
        }
        match &self.records {
            Records::Memory(memory) => {
                memory.commit(ops);
                Ok(())
            }
            Records::File(files) => files.commit(ops, &self.standing).await,
            #[cfg(feature = "etcd")]
            Records::Etcd(etcd) => etcd.commit(ops).await,
        }
    }

    /// Where a blob is, for those who read it by themselves.
    ///
    /// # Errors
    /// [`StoreError::Name`].
    pub fn blob_uri(&self, name: &str) -> Result<StorageUri, StoreError> {
        check_name(name)?;
        Ok(self.blobs.uri(name))
    }

    /// Writes a blob. That it is there already with this content is no error.
    ///
    /// # Errors
    /// [`StoreError::Storage`], also if it is there with another content; [`StoreError::Name`].
    pub async fn put_blob(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        check_name(name)?;
        self.blobs.put(name, bytes).await
    }

    /// Writes a blob from a local file, bit by bit. One that is there already is written over: its name has to say what is in
    /// it.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Name`], or [`StoreError::Refused`] if the local file can't be read.
    pub async fn put_blob_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        check_name(name)?;
        self.blobs.put_file(name, file).await
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Name`].
    pub async fn get_blob(&self, name: &str) -> Result<Bytes, StoreError> {
        check_name(name)?;
        self.blobs.get(name).await
    }

    /// Reads a blob into a local file, bit by bit, over whatever there was. What is in the file after an error is of no use.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Name`], or [`StoreError::Refused`] if the local file can't be written.
    pub async fn get_blob_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        check_name(name)?;
        self.blobs.get_file(name, file).await
    }

    /// Deletes a blob, if there is one, and this process still leads.
    ///
    /// # Errors
    /// [`StoreError::Lost`], [`StoreError::Storage`], [`StoreError::Name`].
    pub async fn delete_blob(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        if !self.standing.is_leading() {
            return Err(self.lost());
        }
        self.blobs.delete(name).await
    }

    /// The names of all blobs that begin so, in order.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn list_blobs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.blobs.list(prefix).await
    }

    fn check_standing(&self) -> Result<(), StoreError> {
        if self.standing.is_lost() { Err(self.lost()) } else { Ok(()) }
    }

    fn lost(&self) -> StoreError {
        StoreError::Lost { epoch: self.standing.epoch }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("epoch", &self.standing.epoch).finish_non_exhaustive()
    }
}

/// Whether this can be the key of a record or the name of a blob: it becomes part of a path.
fn check_name(name: &str) -> Result<(), StoreError> {
    let is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let is_name = name.len() <= MAX_KEY
        && !RESERVED.contains(&name)
        && !name.starts_with(MEMBERS)
        && name.split('/').all(|part| is_good(part) && !crate::file::is_reserved(part));
    if is_name { Ok(()) } else { Err(StoreError::Name { name: name.chars().take(MAX_KEY).collect() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_that_lead_nowhere_else() {
        for name in ["a", "jobs/0f/spec", "artifacts/a_b-c.jar"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a b", "ä", "a\0", "a\\b", "a.rec", "a.rec/b",
            "leader",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"x".repeat(201)).is_err());
        assert!(Op::delete_prefix("jobs/1/").check().is_ok());
        for prefix in ["", "/", "jobs", "jobs/1"] {
            assert!(Op::delete_prefix(prefix).check().is_err(), "{prefix}");
        }
    }
}
