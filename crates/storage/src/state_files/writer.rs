use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use flott_core::checkpoint::StateFile;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::{
    Error, FileWriter, Result, Storage, StorageUri, delete_files,
    envelope::{self, FileKind, HEADER_LENGTH},
};

/// How many segments may wait, however small they are. From half of that on the writer says that it is full.
const QUEUED_SEGMENTS: usize = 8192;
/// How many times the bytes from which on the writer is full may wait at most, if its user does not ask.
const TOLERANCE: u64 = 8;

/// How state is cut into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFileWriterOptions {
    /// Most bytes of a file, unless a single segment is larger: 64 MiB.
    pub max_file_size: u64,
    /// How many bytes may wait before the writer says that it is full: 16 MiB.
    pub queue_size: u64,
}

impl Default for StateFileWriterOptions {
    fn default() -> Self {
        Self { max_file_size: 64 << 20, queue_size: 16 << 20 }
    }
}

/// Where a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLocation {
    /// Number of the file, from 1 on: its position in what [`StateFileWriter::finish`] gives back, plus one.
    pub file: u32,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
    /// CRC-32C of its bytes.
    pub checksum: u32,
}

/// Writes segments of state into files of limited size, each with a name that was never used. A segment's place is known at
/// once; the bytes are sent by a task, and are there when [`finish`](Self::finish) has returned.
///
/// [`write`](Self::write) never waits. Ask [`is_full`](Self::is_full) before, and come back later if it is. If the writer is
/// dropped or aborted, or fails, the task deletes what it has written.
#[derive(Debug)]
pub struct StateFileWriter {
    shared: Arc<Shared>,
    options: StateFileWriterOptions,
    runtime: Handle,
    /// None before the first segment.
    upload: Option<Upload>,
    /// Number of the current file.
    file: u32,
    /// Where the next segment of that file begins.
    offset: u64,
    written: u64,
}

#[derive(Debug)]
struct Upload {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<Result<Vec<StateFile>>>,
}

#[derive(Debug)]
struct Shared {
    storage: Storage,
    directory: StorageUri,
    relative_to: StorageUri,
    /// Bytes that were handed in and are not yet on their way.
    queued: AtomicU64,
    /// Set when writing has failed.
    error: OnceLock<Error>,
}

#[derive(Debug)]
enum Order {
    Segment(Bytes),
    NextFile,
    Finish,
}

impl StateFileWriter {
    /// A writer of files in `directory`, which are referred to from files in `relative_to`. Nothing is done before the first
    /// segment; then a task runs on `runtime`.
    pub fn new(
        storage: &Storage,
        directory: &StorageUri,
        relative_to: &StorageUri,
        options: StateFileWriterOptions,
        runtime: &Handle,
    ) -> Self {
        let shared = Shared {
            storage: storage.clone(),
            directory: directory.clone(),
            relative_to: relative_to.clone(),
            queued: AtomicU64::new(0),
            error: OnceLock::new(),
        };
        Self {
            shared: Arc::new(shared),
            options,
            runtime: runtime.clone(),
            upload: None,
            file: 0,
            offset: 0,
            written: 0,
        }
    }

    /// Takes a segment and says where it will be.
    ///
    /// # Errors
    /// If an earlier segment could not be written, the segment has 4 GiB or more, or far too much is waiting already.
    pub fn write(&mut self, bytes: impl Into<Bytes>) -> Result<SegmentLocation> {
        let bytes = bytes.into();
        let length = u32::try_from(bytes.len()).map_err(|_| Error::TooLarge {
            what: "a segment of state",
            size: bytes.len() as u64,
            most: u32::MAX.into(),
        })?;
        let queued = self.shared.queued.load(Ordering::Relaxed);
        if queued >= self.options.queue_size.saturating_mul(TOLERANCE) {
            return Err(Error::WriterFull { directory: self.shared.directory.clone(), queued });
        }
        let checksum = crc32c::crc32c(&bytes);
        let end = self.offset + u64::from(length) + envelope::FOOTER_LENGTH as u64;
        let begun = self.offset > HEADER_LENGTH as u64;
        if self.file == 0 || (begun && end > self.options.max_file_size) {
            self.order(Order::NextFile)?;
            self.file += 1;
            self.offset = HEADER_LENGTH as u64;
        }
        self.shared.queued.fetch_add(length.into(), Ordering::Relaxed);
        self.order(Order::Segment(bytes))?;
        let location = SegmentLocation { file: self.file, offset: self.offset, length, checksum };
        self.offset += u64::from(length);
        self.written += u64::from(length);
        Ok(location)
    }

    /// Whether enough is waiting to be written: the storage is slower than the caller. Also false when writing has failed, so
    /// that the next [`write`](Self::write) tells.
    pub fn is_full(&self) -> bool {
        let Some(upload) = &self.upload else { return false };
        let full = self.shared.queued.load(Ordering::Relaxed) >= self.options.queue_size
            || upload.orders.capacity() < QUEUED_SEGMENTS / 2;
        full && !upload.orders.is_closed()
    }

    /// How many bytes of segments were handed in.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// The error by which writing has ended already, if it has.
    pub fn error(&self) -> Option<&Error> {
        self.shared.error.get()
    }

    /// Waits until everything is written, and gives back the files by their numbers less one. None if there were no segments.
    ///
    /// # Errors
    /// If something could not be written. Then nothing of all is left, as far as it can be deleted.
    pub async fn finish(mut self) -> Result<Vec<StateFile>> {
        let Some(Upload { orders, task }) = self.upload.take() else { return Ok(Vec::new()) };
        // If nobody takes it the task has ended, and says why.
        drop(orders.send(Order::Finish).await);
        drop(orders);
        match task.await {
            Ok(result) => result,
            Err(_) => Err(Error::Interrupted { uri: self.shared.directory.clone() }),
        }
    }

    /// Gives up, and waits until what was written is deleted.
    pub async fn abort(mut self) {
        if let Some(Upload { orders, task }) = self.upload.take() {
            drop(orders);
            drop(task.await);
        }
    }

    fn order(&mut self, order: Order) -> Result<()> {
        let upload = self.upload.get_or_insert_with(|| {
            let (orders, receiver) = mpsc::channel(QUEUED_SEGMENTS);
            Upload { orders, task: self.runtime.spawn(run(self.shared.clone(), receiver)) }
        });
        upload.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => Error::WriterFull {
                directory: self.shared.directory.clone(),
                queued: self.shared.queued.load(Ordering::Relaxed),
            },
            TrySendError::Closed(_) => match self.shared.error.get() {
                Some(error) => error.clone(),
                None => Error::Interrupted { uri: self.shared.directory.clone() },
            },
        })
    }
}

/// Carries out orders until the end, and leaves all files or none.
async fn run(shared: Arc<Shared>, mut orders: mpsc::Receiver<Order>) -> Result<Vec<StateFile>> {
    let mut files = Files { shared: &shared, done: Vec::new(), current: None };
    let result = files.write_all(&mut orders).await;
    let Err(error) = result else { return Ok(files.done) };
    // Before the queue is closed: whoever finds it closed finds the reason.
    let _ = shared.error.set(error.clone());
    drop(orders);
    if let Some(current) = files.current.take() {
        current.writer.abort().await;
    }
    // What can't be deleted now is in the job's directory and goes with it.
    drop(delete_files(&shared.storage, &shared.relative_to, &files.done).await);
    Err(error)
}

struct Files<'a> {
    shared: &'a Shared,
    done: Vec<StateFile>,
    current: Option<CurrentFile>,
}

struct CurrentFile {
    writer: FileWriter,
    checksum: u32,
}

impl Files<'_> {
    async fn write_all(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<()> {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Segment(bytes) => {
                    let length = bytes.len() as u64;
                    if let Some(current) = &mut self.current {
                        current.checksum = crc32c::crc32c_append(current.checksum, &bytes);
                        current.writer.write(bytes).await?;
                    }
                    self.shared.queued.fetch_sub(length, Ordering::Relaxed);
                }
                Order::NextFile => {
                    self.complete().await?;
                    let name = Uuid::new_v4().to_string();
                    let mut writer = self.shared.storage.writer(&self.shared.directory.join(&name));
                    let header = envelope::stream_header(FileKind::State);
                    writer.write(Bytes::copy_from_slice(&header)).await?;
                    self.current = Some(CurrentFile { writer, checksum: 0 });
                }
                Order::Finish => return self.complete().await,
            }
        }
        // The writer was dropped.
        Err(Error::Interrupted { uri: self.shared.directory.clone() })
    }

    async fn complete(&mut self) -> Result<()> {
        let Some(CurrentFile { mut writer, checksum }) = self.current.take() else { return Ok(()) };
        let uri = writer.uri().clone();
        let footer = envelope::stream_footer(writer.size() - HEADER_LENGTH as u64, checksum);
        if let Err(error) = writer.write(Bytes::copy_from_slice(&footer)).await {
            writer.abort().await;
            return Err(error);
        }
        let path = uri.relative_to(&self.shared.relative_to);
        let size = writer.size();
        // Before the outcome is known: a file that is there although that failed is deleted with the others.
        self.done.push(StateFile { path, size });
        writer.finish().await?;
        Ok(())
    }
}
