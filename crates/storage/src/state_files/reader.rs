use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};

use crate::{
    Error, Result, Storage, StorageUri,
    envelope::{self, FOOTER_LENGTH, FileKind, HEADER_LENGTH},
};

/// Bytes between two segments that are read and thrown away rather than asked for around.
const LARGEST_GAP: u64 = 64 << 10;
/// Ranges that were read and wait to be taken.
const WAITING: usize = 1;

/// How state is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFileReaderOptions {
    /// Most bytes that are read at a time, unless a single segment is larger: 8 MiB.
    pub range_size: u64,
    /// How many ranges are being read at the same time: 2. With what waits and what is handed out, twice as many are in memory.
    pub ahead: usize,
}

impl Default for StateFileReaderOptions {
    fn default() -> Self {
        Self { range_size: 8 << 20, ahead: 2 }
    }
}

/// A segment that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRequest {
    /// Position of its file in the list of files.
    pub file: usize,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
    /// CRC-32C that its bytes must have.
    pub checksum: u32,
}

/// A segment that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Position of its request in the list of requests.
    pub request: usize,
    /// Its bytes, which keep the whole range alive that was read with them: copy what is to be kept.
    pub bytes: Bytes,
}

/// Reads many segments from many files in large ranges, ahead of whoever takes them. Segments come file after file in the order
/// of their offsets, and are as they were written: their checksums are verified.
#[derive(Debug)]
pub struct StateFileReader {
    ranges: mpsc::Receiver<Result<Vec<Segment>>>,
    /// What was received last, in reverse.
    segments: Vec<Segment>,
    ended: bool,
    task: JoinHandle<()>,
    files: Vec<StorageUri>,
    left: usize,
}

impl StateFileReader {
    /// Begins to read, by a task on `runtime`, which ends when the reader is dropped.
    ///
    /// # Panics
    /// If a request names a file that is not in the list.
    pub fn start(
        storage: &Storage,
        files: Vec<StorageUri>,
        requests: Vec<SegmentRequest>,
        options: StateFileReaderOptions,
        runtime: &Handle,
    ) -> Self {
        assert!(
            requests.iter().all(|request| request.file < files.len()),
            "a request names a file that is not there"
        );
        let (sender, ranges) = mpsc::channel(WAITING);
        let left = requests.len();
        let task = runtime.spawn(read(storage.clone(), files.clone(), requests, options, sender));
        Self { ranges, segments: Vec::new(), ended: false, task, files, left }
    }

    /// The next segment, or `None` when all have come.
    ///
    /// # Errors
    /// [`Error::Failed`] or [`Error::Damaged`]; then nothing more comes.
    pub async fn next(&mut self) -> Result<Option<Segment>> {
        while self.segments.is_empty() && !self.ended {
            let received = self.ranges.recv().await;
            self.take(received)?;
        }
        Ok(self.pop())
    }

    /// As [`next`](Self::next), for threads that may wait.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Panics
    /// On a thread of an asynchronous runtime.
    pub fn blocking_next(&mut self) -> Result<Option<Segment>> {
        while self.segments.is_empty() && !self.ended {
            let received = self.ranges.blocking_recv();
            self.take(received)?;
        }
        Ok(self.pop())
    }

    fn take(&mut self, received: Option<Result<Vec<Segment>>>) -> Result<()> {
        match received {
            Some(Ok(segments)) => {
                self.segments = segments;
                self.segments.reverse();
                Ok(())
            }
            Some(Err(error)) => {
                self.ended = true;
                Err(error)
            }
            None => {
                self.ended = true;
                match (self.left, self.files.first()) {
                    (1.., Some(uri)) => Err(Error::Interrupted { uri: uri.clone() }),
                    _ => Ok(()),
                }
            }
        }
    }

    fn pop(&mut self) -> Option<Segment> {
        let segment = self.segments.pop()?;
        self.left -= 1;
        Some(segment)
    }
}

impl Drop for StateFileReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Segments that are read together.
struct Batch {
    file: usize,
    range: Range<u64>,
    /// Whether the file's header is read with them.
    first: bool,
    /// Positions of their requests.
    requests: Vec<usize>,
}

async fn read(
    storage: Storage,
    files: Vec<StorageUri>,
    requests: Vec<SegmentRequest>,
    options: StateFileReaderOptions,
    sender: mpsc::Sender<Result<Vec<Segment>>>,
) {
    let batches = batches(&requests, options.range_size);
    let read = batches.into_iter().map(|batch| read_batch(&storage, &files[batch.file], &requests, batch));
    let mut read = stream::iter(read).buffered(options.ahead.max(1));
    while let Some(segments) = read.next().await {
        let failed = segments.is_err();
        if sender.send(segments).await.is_err() || failed {
            return;
        }
    }
}

fn batches(requests: &[SegmentRequest], range_size: u64) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|index| (requests[*index].file, requests[*index].offset));
    let mut batches: Vec<Batch> = Vec::new();
    for index in order {
        let request = &requests[index];
        let range = request.offset..request.offset.saturating_add(request.length.into());
        if let Some(last) = batches.last_mut().filter(|last| last.file == request.file) {
            let end = last.range.end.max(range.end);
            if range.start <= last.range.end.saturating_add(LARGEST_GAP)
                && end - last.range.start <= range_size
            {
                last.range.end = end;
                last.requests.push(index);
                continue;
            }
        }
        let first = batches.last().is_none_or(|last| last.file != request.file);
        batches.push(Batch { file: request.file, range, first, requests: vec![index] });
    }
    batches
}

async fn read_batch(
    storage: &Storage,
    file: &StorageUri,
    requests: &[SegmentRequest],
    batch: Batch,
) -> Result<Vec<Segment>> {
    const HEADER: Range<u64> = 0..HEADER_LENGTH as u64;
    let header = if batch.first { HEADER } else { 0..0 };
    let parts = storage.get_ranges(file, &[header, batch.range.clone()]).await?;
    let [header, content] = parts.as_slice() else {
        return Err(Error::damaged(file, 0, "the storage did not answer with what was asked for"));
    };
    if batch.first {
        envelope::check_stream_header(FileKind::State, file, header)?;
    }
    let mut segments = Vec::with_capacity(batch.requests.len());
    for index in batch.requests {
        let request = &requests[index];
        let begin = (request.offset - batch.range.start) as usize;
        let bytes = content.slice(begin..begin + request.length as usize);
        envelope::check(file, request.offset, &bytes, request.checksum)?;
        segments.push(Segment { request: index, bytes });
    }
    Ok(segments)
}

/// Reads a whole state file and checks it from its header to its end. Gives back its size in bytes.
///
/// # Errors
/// [`Error::Damaged`], [`Error::NewerFormat`] or [`Error::Failed`].
pub async fn verify_state_file(storage: &Storage, uri: &StorageUri) -> Result<u64> {
    const AT_ONCE: u64 = 8 << 20;
    let header = storage.get_range(uri, 0..HEADER_LENGTH as u64).await?;
    envelope::check_stream_header(FileKind::State, uri, &header)?;
    let Some(size) = storage.size(uri).await? else {
        return Err(Error::damaged(uri, 0, "it was deleted while it was read"));
    };
    let end = size.saturating_sub(FOOTER_LENGTH as u64).max(HEADER_LENGTH as u64);
    let mut offset = HEADER_LENGTH as u64;
    let mut checksum = 0;
    while offset < end {
        let bytes = storage.get_range(uri, offset..end.min(offset + AT_ONCE)).await?;
        checksum = crc32c::crc32c_append(checksum, &bytes);
        offset += bytes.len() as u64;
    }
    let footer = storage.get_range(uri, end..size).await?;
    envelope::check_stream_footer(uri, end, &footer, checksum)?;
    Ok(size)
}
