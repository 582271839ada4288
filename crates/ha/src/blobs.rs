//! Large, immutable things, by name.

use std::path::Path;

use bytes::Bytes;
use flott_storage::{Storage, StorageUri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::StoreError;

/// How much of a blob is read at once when it goes to a file, or comes from one.
const CHUNK: u64 = 4 << 20;

/// A directory of blobs.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    storage: Storage,
    directory: StorageUri,
}

impl Blobs {
    pub(crate) fn new(storage: Storage, directory: StorageUri) -> Self {
        Self { storage, directory }
    }

    #[cfg(feature = "etcd")]
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn uri(&self, name: &str) -> StorageUri {
        self.directory.join(name)
    }

    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        Ok(self.storage.put_new(&self.uri(name), bytes).await?)
    }

    pub(crate) async fn put_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let io = |error: &std::io::Error| refused("read", file, error);
        let mut file_in = tokio::fs::File::open(file).await.map_err(|error| io(&error))?;
        let mut writer = self.storage.writer(&self.uri(name));
        loop {
            let mut chunk = Vec::new();
            (&mut file_in).take(CHUNK).read_to_end(&mut chunk).await.map_err(|error| io(&error))?;
            if chunk.is_empty() {
                break;
            }
            writer.write(chunk.into()).await?;
        }
        writer.finish().await?;
        Ok(())
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Bytes, StoreError> {
        Ok(self.storage.get(&self.uri(name)).await?)
    }

    pub(crate) async fn get_file(&self, name: &str, file: &Path) -> Result<(), StoreError> {
        let io = |error: &std::io::Error| refused("write", file, error);
        let uri = self.uri(name);
        let Some(size) = self.storage.size(&uri).await? else {
            // Says that it is missing, in the storage's words.
            self.storage.get(&uri).await?;
            return Ok(());
        };
        let mut out = tokio::fs::File::create(file).await.map_err(|error| io(&error))?;
        let mut offset = 0;
        while offset < size {
            let end = size.min(offset + CHUNK);
            let chunk = self.storage.get_range(&uri, offset..end).await?;
            out.write_all(&chunk).await.map_err(|error| io(&error))?;
            offset = end;
        }
        out.sync_all().await.map_err(|error| io(&error))
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        Ok(self.storage.delete(&self.uri(name)).await?)
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let files = self.storage.list(&self.directory).await?;
        let names = files.into_iter().map(|file| file.uri.relative_to(&self.directory));
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }
}

fn refused(action: &str, file: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Refused { reason: format!("cannot {action} {}: {error}", file.display()).into() }
}
