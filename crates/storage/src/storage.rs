use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, aws::AmazonS3, local::LocalFileSystem, path::Path};

use crate::{Error, FailureKind, Operation, Result, StorageOptions, StorageUri, error::Failure};

mod calls;
mod classify;
mod http;
mod local;
mod s3;
mod writer;

pub use writer::FileWriter;

/// Reads and writes files on the local file system (and whatever is mounted there) and in S3 buckets.
///
/// Cheap to clone. Every call is bounded in time, and tried again a few times if it failed for a reason that may pass. What
/// is being written is not visible before it is complete, and on disk before the call returns.
///
/// All methods need a tokio runtime with time enabled; files are read and written on its threads for blocking work. Clones
/// share connections to S3 servers, which end with the runtime that opened them: use one `Storage` for each runtime.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    options: StorageOptions,
    local: Arc<LocalFileSystem>,
    /// Each with its own connections. As many as buckets were ever named: users name few.
    buckets: Mutex<BTreeMap<String, Arc<AmazonS3>>>,
}

/// A file in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileInfo {
    /// Where it is.
    pub uri: StorageUri,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, in milliseconds since the epoch, by the storage's clock.
    pub modified: i64,
}

impl Storage {
    /// Opens nothing yet: clients are made when they are needed.
    pub fn open(options: &StorageOptions) -> Self {
        let local = Arc::new(LocalFileSystem::new().with_fsync(true));
        Self { inner: Arc::new(Inner { options: options.clone(), local, buckets: Mutex::default() }) }
    }

    /// Writes a file, over whatever there was. Directories are made as needed.
    ///
    /// # Errors
    /// [`Error::Failed`]. If there was no answer, the file is read to learn whether it was written.
    pub async fn put(&self, uri: &StorageUri, bytes: Bytes) -> Result<()> {
        self.put_with(Operation::Write, uri, bytes).await
    }

    /// Writes a file where there is none. That there is one already with just these bytes is no error: it may be the work of
    /// an earlier attempt whose answer was lost.
    ///
    /// # Errors
    /// [`FailureKind::Exists`] if there is a file with other content, which is left alone; otherwise as [`put`](Self::put).
    pub async fn put_new(&self, uri: &StorageUri, bytes: Bytes) -> Result<()> {
        match self.put_with(Operation::Create, uri, bytes.clone()).await {
            Err(error) if error.failure() == Some(FailureKind::Unsupported) => {
                self.put_if_missing(uri, bytes).await
            }
            result => result,
        }
    }

    async fn put_with(&self, operation: Operation, uri: &StorageUri, bytes: Bytes) -> Result<()> {
        let size = bytes.len() as u64;
        let attempt = |store: Arc<dyn ObjectStore>, path: Path| {
            let payload = bytes.clone().into();
            let mode = if operation == Operation::Create { PutMode::Create } else { PutMode::Overwrite };
            async move { store.put_opts(&path, payload, mode.into()).await.map(drop) }
        };
        let Err(error) = self.run(operation, uri, size, attempt).await else { return Ok(()) };
        let unclear = error.is_transient() || error.failure() == Some(FailureKind::Exists);
        if unclear && self.holds(uri, &bytes).await { Ok(()) } else { Err(error) }
    }

    /// For servers that cannot create conditionally. That nobody does the same at the same time follows from names that are
    /// never used again; the condition is only a second line of defense.
    async fn put_if_missing(&self, uri: &StorageUri, bytes: Bytes) -> Result<()> {
        if !self.exists(uri).await? {
            return self.put(uri, bytes).await;
        }
        match self.holds(uri, &bytes).await {
            true => Ok(()),
            false => {
                Err(Failure::new(FailureKind::Exists, "there is one already").at(Operation::Create, uri, 1))
            }
        }
    }

    /// Whether the file has this content. Tried once: its failure is no news to those who ask.
    async fn holds(&self, uri: &StorageUri, bytes: &Bytes) -> bool {
        self.get_once(uri).await.is_ok_and(|found| found == *bytes)
    }

    /// Begins to write a large file bit by bit, over whatever there was.
    pub fn writer(&self, uri: &StorageUri) -> FileWriter {
        FileWriter::new(self.clone(), uri.clone())
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn get(&self, uri: &StorageUri) -> Result<Bytes> {
        self.retrying(Operation::Read, uri, || self.get_once(uri)).await
    }

    async fn get_once(&self, uri: &StorageUri) -> Result<Bytes, Failure> {
        let get = |store: Arc<dyn ObjectStore>, path: Path| async move { store.get(&path).await };
        let found = self.attempt(Operation::Read, uri, 0, &get).await?;
        let size = found.meta.size;
        self.limited(size, async { found.bytes().await.map_err(classify::failure) }).await
    }

    /// Reads a part of a file.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the file ends before the range does, [`Error::Failed`] otherwise.
    pub async fn get_range(&self, uri: &StorageUri, range: Range<u64>) -> Result<Bytes> {
        let mut parts = self.get_ranges(uri, &[range]).await?;
        Ok(parts.pop().unwrap_or_default())
    }

    /// Reads parts of a file, in the order in which they are asked for.
    ///
    /// # Errors
    /// As [`get_range`](Self::get_range).
    pub async fn get_ranges(&self, uri: &StorageUri, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // Not all stores accept a range without bytes.
        let wanted: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
        let length = |range: &Range<u64>| range.end - range.start;
        let read = |store: Arc<dyn ObjectStore>, path: Path| {
            let wanted = wanted.clone();
            async move { store.get_ranges(&path, &wanted).await }
        };
        let total = wanted.iter().map(length).sum();
        let parts = match self.run(Operation::Read, uri, total, read).await {
            Ok(parts) => parts,
            Err(error) => return Err(self.explain_range(uri, &wanted, error).await),
        };
        let mut parts = parts.into_iter();
        let mut out = Vec::with_capacity(ranges.len());
        for range in ranges {
            let part = if range.is_empty() { Bytes::new() } else { parts.next().unwrap_or_default() };
            // Object stores answer a range that reaches beyond the end with what there is.
            if part.len() as u64 != range.end.saturating_sub(range.start) {
                return Err(ends_early(uri, range.start + part.len() as u64, range.end));
            }
            out.push(part);
        }
        Ok(out)
    }

    /// That a file is too short is said in each store's own words, if at all: ask for the size.
    async fn explain_range(&self, uri: &StorageUri, ranges: &[Range<u64>], error: Error) -> Error {
        let end = ranges.iter().map(|range| range.end).max().unwrap_or_default();
        match error.failure() {
            Some(FailureKind::Permanent) => match self.size(uri).await {
                Ok(Some(size)) if size < end => ends_early(uri, size, end),
                _ => error,
            },
            _ => error,
        }
    }

    /// The size of a file in bytes, or `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Failed`] if that can't be told.
    pub async fn size(&self, uri: &StorageUri) -> Result<Option<u64>> {
        let head = |store: Arc<dyn ObjectStore>, path: Path| async move { store.head(&path).await };
        match self.run(Operation::Inspect, uri, 0, head).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// [`Error::Failed`] if that can't be told.
    pub async fn exists(&self, uri: &StorageUri) -> Result<bool> {
        Ok(self.size(uri).await?.is_some())
    }

    /// Deletes a file. That there is none is no error.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn delete(&self, uri: &StorageUri) -> Result<()> {
        let delete = |store: Arc<dyn ObjectStore>, path: Path| async move { store.delete(&path).await };
        match self.run(Operation::Delete, uri, 0, delete).await {
            Err(error) if error.is_missing() => Ok(()),
            result => result,
        }
    }

    /// Deletes a directory with everything in it, also what was left there half written. That there is none is no error.
    ///
    /// # Errors
    /// [`Error::Failed`], always for a root; then a part may be deleted.
    pub async fn delete_dir(&self, uri: &StorageUri) -> Result<()> {
        if uri.is_root() {
            let failure = Failure::new(FailureKind::Permanent, "a root is never deleted");
            return Err(failure.at(Operation::Delete, uri, 1));
        }
        if let Some(path) = uri.local_path() {
            let path = path.to_owned();
            let remove = || self.blocking(Operation::Delete, uri, 0, local::remove_dir(path.clone()));
            return self.retrying(Operation::Delete, uri, remove).await;
        }
        let delete = |store: Arc<dyn ObjectStore>, path: Path| {
            let found = store.list(Some(&path)).map_ok(|meta| meta.location).boxed();
            store.delete_stream(found)
        };
        match self.each(Operation::Delete, uri, delete, |_| ()).await {
            Err(error) if error.is_missing() => Ok(()),
            result => result.map(drop),
        }
    }

    /// All files in a directory and those below it, in order. Empty if there is no such directory.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn list(&self, uri: &StorageUri) -> Result<Vec<FileInfo>> {
        let info = |meta: object_store::ObjectMeta| FileInfo {
            uri: uri.with_key(meta.location.as_ref()),
            size: meta.size,
            modified: meta.last_modified.timestamp_millis(),
        };
        let mut files = self.each(Operation::List, uri, |store, path| store.list(Some(&path)), info).await?;
        files.sort();
        Ok(files)
    }

    /// Deletes from a directory what processes that were killed had been writing there, not since `older_than`: files that nobody
    /// sees, but that take space. Only on file systems; buckets have rules for incomplete uploads. Gives back how many there were.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn delete_unfinished(&self, uri: &StorageUri, older_than: Duration) -> Result<u64> {
        let Some(path) = uri.local_path() else { return Ok(0) };
        let delete =
            || self.blocking(Operation::Delete, uri, 0, local::remove_staged(path.to_owned(), older_than));
        self.retrying(Operation::Delete, uri, delete).await
    }

    pub(crate) fn options(&self) -> &StorageOptions {
        &self.inner.options
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

fn object_path(uri: &StorageUri) -> Result<Path, Failure> {
    Path::parse(uri.key()).map_err(|error| Failure::new(FailureKind::Permanent, error.to_string()))
}

fn ends_early(uri: &StorageUri, size: u64, end: u64) -> Error {
    Error::damaged(uri, size, format_args!("the file ends here, but should reach at least to byte {end}"))
}

#[cfg(test)]
mod tests;
