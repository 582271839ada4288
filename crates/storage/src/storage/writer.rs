use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use object_store::{
    MultipartId,
    aws::AmazonS3,
    multipart::{MultipartStore, PartId},
    path::Path,
};

use super::{Storage, classify, local::StagedFile, object_path};
use crate::{FailureKind, Operation, Result, StorageUri, error::Failure, uri::Root};

/// How many bytes of a local file are handed to the system at a time.
const LOCAL_CHUNK: usize = 1 << 20;
/// How many parts are on their way at the same time.
const PARTS_AT_ONCE: usize = 4;

/// Writes one file bit by bit. Nothing is visible before [`finish`](Self::finish), and nothing is left if it is not reached:
/// call [`abort`](Self::abort) to give up. (Parts that a killed process has sent stay in a bucket, invisible, until the bucket's
/// rule for incomplete uploads removes them.)
#[derive(Debug)]
pub struct FileWriter {
    storage: Storage,
    uri: StorageUri,
    chunks: Vec<Bytes>,
    pending: usize,
    size: u64,
    target: Target,
}

enum Target {
    /// Nothing has been sent yet.
    New,
    /// `None` while a thread has it.
    Local(Option<StagedFile>),
    S3(Upload),
}

struct Upload {
    store: Arc<AmazonS3>,
    path: Path,
    id: MultipartId,
    /// How many parts were begun.
    begun: usize,
    under_way: FuturesUnordered<BoxFuture<'static, (usize, Result<PartId>)>>,
    /// By their position.
    parts: Vec<(usize, PartId)>,
}

impl FileWriter {
    pub(super) const fn new(storage: Storage, uri: StorageUri) -> Self {
        Self { storage, uri, chunks: Vec::new(), pending: 0, size: 0, target: Target::New }
    }

    /// The file that is written.
    pub const fn uri(&self) -> &StorageUri {
        &self.uri
    }

    /// How many bytes were written so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes. Most are sent later: this waits only while too many are on their way.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed), also for what was appended before. Then the file can only be given up.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.pending += bytes.len();
        self.chunks.push(bytes);
        let threshold = match self.uri.root() {
            Root::Local => LOCAL_CHUNK,
            Root::Bucket(_) => self.storage.options().part_size,
        };
        if self.pending >= threshold { self.send().await } else { Ok(()) }
    }

    /// Completes the file; it is durable when this returns. Gives back its size.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed). What was written is removed.
    pub async fn finish(mut self) -> Result<u64> {
        match self.complete().await {
            Ok(()) => Ok(self.size),
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Gives up: removes what was written. Failures of that are nobody's concern; what stays is not visible.
    pub async fn abort(self) {
        match self.target {
            Target::New => {}
            Target::Local(staged) => drop(tokio::task::spawn_blocking(move || drop(staged)).await),
            Target::S3(upload) => {
                drop(upload.under_way);
                let give_up = async {
                    upload.store.abort_multipart(&upload.path, &upload.id).await.map_err(classify::failure)
                };
                drop(self.storage.bounded(Operation::Delete, &self.uri, 0, give_up).await);
            }
        }
    }

    async fn complete(&mut self) -> Result<()> {
        // Small files need no parts.
        if matches!((&self.target, self.uri.root()), (Target::New, Root::Bucket(_))) {
            let bytes = self.take_bytes();
            return self.storage.put(&self.uri, bytes).await;
        }
        self.send().await?;
        match &mut self.target {
            Target::New => Ok(()),
            Target::Local(staged) => {
                let staged = staged.take();
                let publish = move || staged.map_or(Ok(()), StagedFile::publish);
                let done = self.storage.blocking(Operation::Write, &self.uri, self.size, publish).await;
                done.map_err(|failure| failure.at(Operation::Write, &self.uri, 1))
            }
            Target::S3(upload) => {
                while upload.collect_one(0).await? {}
                upload.parts.sort_by_key(|(position, _)| *position);
                let parts: Vec<_> = upload.parts.drain(..).map(|(_, part)| part).collect();
                let (store, path, id) = (&upload.store, &upload.path, &upload.id);
                let complete = || {
                    let parts = parts.clone();
                    self.storage.bounded(Operation::Write, &self.uri, 0, async move {
                        store.complete_multipart(path, id, parts).await.map_err(classify::failure)
                    })
                };
                match self.storage.retrying(Operation::Write, &self.uri, complete).await {
                    Ok(_) => Ok(()),
                    // An earlier attempt may have been carried out, though its answer was lost: then there is no such
                    // upload any more, but there is the file.
                    Err(error) => match self.storage.size(&self.uri).await {
                        Ok(Some(size)) if size == self.size => Ok(()),
                        _ => Err(error),
                    },
                }
            }
        }
    }

    fn take_bytes(&mut self) -> Bytes {
        self.pending = 0;
        match self.chunks.len() {
            1 => self.chunks.pop().unwrap_or_default(),
            _ => {
                let mut bytes = BytesMut::with_capacity(self.chunks.iter().map(Bytes::len).sum());
                self.chunks.drain(..).for_each(|chunk| bytes.extend_from_slice(&chunk));
                bytes.freeze()
            }
        }
    }

    async fn send(&mut self) -> Result<()> {
        match &self.target {
            Target::New => self.begin().await?,
            Target::Local(_) | Target::S3(_) => {}
        }
        match self.uri.root() {
            Root::Local => self.send_local().await,
            Root::Bucket(_) => self.send_part().await,
        }
    }

    async fn begin(&mut self) -> Result<()> {
        let failed = |failure: Failure| failure.at(Operation::Write, &self.uri, 1);
        if let Some(path) = self.uri.local_path() {
            let path = path.to_owned();
            let create = move || StagedFile::create(&path);
            let staged =
                self.storage.blocking(Operation::Write, &self.uri, 0, create).await.map_err(failed)?;
            self.target = Target::Local(Some(staged));
        } else if let Root::Bucket(bucket) = self.uri.root() {
            let store = self.storage.bucket(bucket).map_err(failed)?;
            let path = object_path(&self.uri).map_err(failed)?;
            let create = || {
                self.storage.bounded(Operation::Write, &self.uri, 0, async {
                    store.create_multipart(&path).await.map_err(classify::failure)
                })
            };
            let id = self.storage.retrying(Operation::Write, &self.uri, create).await?;
            let (under_way, parts) = (FuturesUnordered::new(), Vec::new());
            self.target = Target::S3(Upload { store, path, id, begun: 0, under_way, parts });
        }
        Ok(())
    }

    async fn send_local(&mut self) -> Result<()> {
        let chunks = std::mem::take(&mut self.chunks);
        let bytes = std::mem::take(&mut self.pending) as u64;
        let Target::Local(slot) = &mut self.target else { return Ok(()) };
        // Without a file an earlier attempt has failed, or did not come back in time.
        let Some(mut staged) = slot.take() else {
            let failure = Failure::new(FailureKind::Permanent, "an earlier part of it could not be written");
            return Err(failure.at(Operation::Write, &self.uri, 1));
        };
        let write = move || staged.write(&chunks).map(|()| staged);
        let written = self.storage.blocking(Operation::Write, &self.uri, bytes, write).await;
        *slot = Some(written.map_err(|failure| failure.at(Operation::Write, &self.uri, 1))?);
        Ok(())
    }

    async fn send_part(&mut self) -> Result<()> {
        let bytes = self.take_bytes();
        let Target::S3(upload) = &mut self.target else { return Ok(()) };
        upload.collect_one(PARTS_AT_ONCE - 1).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        let position = upload.begun;
        upload.begun += 1;
        let (store, path, id) = (upload.store.clone(), upload.path.clone(), upload.id.clone());
        let (storage, uri) = (self.storage.clone(), self.uri.clone());
        upload.under_way.push(Box::pin(async move {
            let put = || {
                storage.bounded(Operation::Write, &uri, bytes.len() as u64, async {
                    let payload = bytes.clone().into();
                    store.put_part(&path, &id, position, payload).await.map_err(classify::failure)
                })
            };
            (position, storage.retrying(Operation::Write, &uri, put).await)
        }));
        Ok(())
    }
}

impl Upload {
    /// Waits for a part if more than `most` are on their way. False if there was nothing to wait for.
    async fn collect_one(&mut self, most: usize) -> Result<bool> {
        if self.under_way.len() <= most {
            return Ok(false);
        }
        let Some((position, part)) = self.under_way.next().await else { return Ok(false) };
        self.parts.push((position, part?));
        Ok(true)
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "New",
            Self::Local(_) => "Local",
            Self::S3(_) => "S3",
        })
    }
}
