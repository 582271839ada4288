//! The files of a subtask's checkpoints.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use flott_core::{
    FailureCause,
    checkpoint::{Barrier, StateFile},
};
use flott_state::{SegmentAddress, SegmentLocation, SegmentSink};
use flott_storage::{StateFileWriter, StateFileWriterOptions, StorageUri, UriError};

use super::{CheckpointStorage, snapshot::KeyedPart, storage::write_failure};

/// Files that later checkpoints of this attempt may refer to.
#[derive(Clone, Default)]
pub(super) struct FileTable(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    last: u32,
    known: NumberedFiles,
}

/// Files with their sizes, by the numbers that state knows them by.
#[derive(Clone, Default)]
pub(super) struct NumberedFiles(BTreeMap<u32, (StorageUri, u64)>);

impl NumberedFiles {
    /// Adds those of another one.
    pub(super) fn extend(&mut self, files: Self) {
        self.0.extend(files.0);
    }

    /// Where they are.
    pub(super) fn uris(&self) -> impl Iterator<Item = &StorageUri> {
        self.0.values().map(|(uri, _)| uri)
    }

    /// How a manifest in `directory` refers to the file of a number.
    pub(super) fn reference(&self, number: u32, directory: &StorageUri) -> Option<StateFile> {
        let (uri, size) = self.0.get(&number)?;
        Some(StateFile { path: uri.relative_to(directory), size: *size })
    }
}

impl FileTable {
    fn lock(&self) -> std::sync::MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().known.0.len()
    }

    /// A number for a file that is to be written. 0 is never one.
    fn number(&self) -> u32 {
        let mut files = self.lock();
        files.last += 1;
        files.last
    }

    /// Later checkpoints may refer to these.
    pub(super) fn extend(&self, files: NumberedFiles) {
        self.lock().known.extend(files);
    }

    /// Forgets all but these, and gives them back as far as they are known.
    pub(super) fn retain(&self, used: &BTreeSet<u32>) -> NumberedFiles {
        let mut files = self.lock();
        files.known.0.retain(|number, _| used.contains(number));
        files.known.clone()
    }

    /// Numbers for the files of a restored manifest, so that later checkpoints may refer to them.
    pub(super) fn adopt(&self, files: &[StateFile], directory: &StorageUri) -> Result<Vec<u32>, UriError> {
        files
            .iter()
            .map(|file| {
                let uri = directory.resolve(&file.path)?;
                let number = self.number();
                self.lock().known.0.insert(number, (uri, file.size));
                Ok(number)
            })
            .collect()
    }
}

/// Where the state by key of one checkpoint goes.
pub(super) struct SnapshotFiles {
    /// `None` if there is no place for it.
    writer: Result<StateFileWriter, FailureCause>,
    table: FileTable,
    /// The numbers of the writer's files, by their number there less one.
    numbers: Vec<u32>,
    directory: Option<StorageUri>,
    /// Bytes of the piece that is being written.
    piece: usize,
    /// Bytes that are written between two batches.
    piece_limit: usize,
    inline_threshold: usize,
    failure: Option<FailureCause>,
}

/// What has arrived.
pub(super) struct StoredFiles {
    pub(super) files: NumberedFiles,
    /// Bytes of segments, those in files.
    pub(super) bytes: u64,
}

impl SnapshotFiles {
    /// Files that later checkpoints refer to lie beside all checkpoints, others in the directory of this one.
    pub(super) fn new(
        storage: &CheckpointStorage,
        table: &FileTable,
        barrier: &Barrier,
        shared: bool,
    ) -> Self {
        let own = storage.directory_of(barrier);
        let writer = own.clone().map(|own| {
            let place = if shared { storage.directory.join("shared") } else { own.clone() };
            let options = StateFileWriterOptions::default();
            StateFileWriter::new(&storage.storage, &place, &own, options, &storage.io)
        });
        Self {
            writer,
            table: table.clone(),
            numbers: Vec::new(),
            directory: own.ok(),
            piece: 0,
            piece_limit: storage.piece,
            inline_threshold: usize::try_from(storage.settings.inline_threshold).unwrap_or(usize::MAX),
            failure: None,
        }
    }

    /// Lets another piece be written.
    pub(super) fn begin_piece(&mut self) {
        self.piece = 0;
    }

    /// Whether it is time to let records be processed.
    pub(super) fn is_full(&self) -> bool {
        self.piece >= self.piece_limit || self.is_stuffed()
    }

    /// Whether the storage is slower than the subtask.
    pub(super) fn is_stuffed(&self) -> bool {
        self.writer.as_ref().is_ok_and(StateFileWriter::is_full)
    }

    /// Why it can't be written, if so.
    pub(super) fn failure(&self) -> Option<FailureCause> {
        match &self.writer {
            Ok(writer) => self.failure.clone().or_else(|| writer.error().map(|error| write_failure(error))),
            Err(cause) => Some(cause.clone()),
        }
    }

    fn write(&mut self, bytes: Bytes) -> SegmentLocation {
        self.piece += bytes.len();
        // A checkpoint that has failed is given up when the chain has been gone through.
        let nowhere = SegmentLocation { file: 0, offset: 0, length: 0, checksum: 0 };
        let Ok(writer) = &mut self.writer else { return nowhere };
        match writer.write(bytes) {
            Ok(location) => {
                while self.numbers.len() < location.file as usize {
                    self.numbers.push(self.table.number());
                }
                let file = self.numbers[location.file as usize - 1];
                SegmentLocation {
                    file,
                    offset: location.offset,
                    length: location.length,
                    checksum: location.checksum,
                }
            }
            Err(error) => {
                self.failure = Some(write_failure(&error));
                nowhere
            }
        }
    }

    /// Waits until everything has arrived.
    pub(super) async fn finish(self) -> Result<StoredFiles, FailureCause> {
        let writer = self.writer?;
        let bytes = writer.written();
        let stored = writer.finish().await.map_err(|error| write_failure(&error))?;
        let mut files = NumberedFiles::default();
        for (file, number) in stored.iter().zip(&self.numbers) {
            let directory = self.directory.as_ref().ok_or_else(|| write_failure(&"it has no directory"))?;
            let uri = directory.resolve(&file.path).map_err(|error| write_failure(&error))?;
            files.0.insert(*number, (uri, file.size));
        }
        Ok(StoredFiles { files, bytes })
    }
}

/// Takes the segments of one part.
pub(super) struct PieceSink<'a> {
    part: &'a mut KeyedPart,
    inline: &'a mut Vec<u8>,
    files: &'a mut SnapshotFiles,
    unthrottled: bool,
}

impl<'a> PieceSink<'a> {
    pub(super) fn new(
        part: &'a mut KeyedPart,
        inline: &'a mut Vec<u8>,
        files: &'a mut SnapshotFiles,
        unthrottled: bool,
    ) -> Self {
        Self { part, inline, files, unthrottled }
    }
}

impl SegmentSink for PieceSink<'_> {
    fn write(&mut self, address: SegmentAddress, bytes: Bytes) -> flott_state::Result<SegmentLocation> {
        // The first ones of an operator stay in its manifest: a small state needs no file.
        let location = if self.inline.len() + bytes.len() <= self.files.inline_threshold {
            let offset = self.inline.len() as u64;
            self.inline.extend_from_slice(&bytes);
            SegmentLocation { file: 0, offset, length: bytes.len() as u32, checksum: crc32c::crc32c(&bytes) }
        } else {
            self.files.write(bytes)
        };
        self.part.segments.push((address, location));
        Ok(location)
    }

    fn refer(&mut self, address: SegmentAddress, location: SegmentLocation) {
        self.part.segments.push((address, location));
    }

    fn is_full(&self) -> bool {
        !self.unthrottled && self.files.is_full()
    }
}
