//! What tests write snapshots into and restore them from.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use flott_core::CheckpointId;

use crate::{
    KeyedSnapshot, RestoredSegment, Result, SegmentAddress, SegmentLocation, SegmentSink, TableDescription,
};

/// The files of all snapshots. File 0 is nowhere.
#[derive(Default)]
pub(crate) struct Files {
    files: BTreeMap<u32, Vec<u8>>,
    last: u32,
}

/// A snapshot, also one that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) tables: Vec<TableDescription>,
    pub(crate) segments: Vec<(SegmentAddress, SegmentLocation)>,
    /// The file that is written for it, once there is one.
    pub(crate) file: Option<u32>,
    /// Number of segments.
    pub(crate) written: usize,
    pub(crate) referred: usize,
    /// Bytes.
    pub(crate) written_bytes: usize,
    pub(crate) referred_bytes: usize,
}

/// Takes so many segments.
pub(crate) struct Sink<'a> {
    files: &'a mut Files,
    snapshot: &'a mut Snapshot,
    budget: usize,
}

impl SegmentSink for Sink<'_> {
    fn write(&mut self, address: SegmentAddress, bytes: Bytes) -> Result<SegmentLocation> {
        assert!(!self.is_full());
        self.budget -= 1;
        let number = *self.snapshot.file.get_or_insert_with(|| {
            self.files.last += 1;
            self.files.last
        });
        let file = self.files.files.entry(number).or_default();
        let location = SegmentLocation {
            file: number,
            offset: file.len() as u64,
            length: bytes.len() as u32,
            checksum: number,
        };
        file.extend_from_slice(&bytes);
        self.snapshot.written += 1;
        self.snapshot.written_bytes += bytes.len();
        self.snapshot.segments.push((address, location));
        Ok(location)
    }

    fn refer(&mut self, address: SegmentAddress, location: SegmentLocation) {
        assert!(!self.is_full());
        assert_eq!(location.checksum, location.file);
        self.budget -= 1;
        self.snapshot.referred += 1;
        self.snapshot.referred_bytes += location.length as usize;
        self.snapshot.segments.push((address, location));
    }

    fn is_full(&self) -> bool {
        self.budget == 0
    }
}

impl Files {
    /// Writes at most so many segments into `snapshot`. Returns whether it is complete.
    pub(crate) fn write_some(
        &mut self,
        of: &mut (impl KeyedSnapshot + ?Sized),
        snapshot: &mut Snapshot,
        budget: usize,
    ) -> bool {
        let is_written = of.write(&mut Sink { files: self, snapshot, budget }).unwrap();
        if is_written {
            snapshot.tables = of.describe();
            let addresses: BTreeSet<_> = snapshot.segments.iter().map(|(address, _)| address).collect();
            assert_eq!(addresses.len(), snapshot.segments.len(), "a segment was written twice");
        }
        is_written
    }

    /// Takes a whole snapshot.
    pub(crate) fn snapshot(
        &mut self,
        of: &mut (impl KeyedSnapshot + ?Sized),
        id: u64,
        incremental: bool,
    ) -> Snapshot {
        let mut snapshot = Snapshot::default();
        of.begin(CheckpointId(id), incremental);
        assert!(self.write_some(of, &mut snapshot, usize::MAX));
        snapshot
    }

    /// Takes a whole incremental snapshot that is completed.
    pub(crate) fn checkpoint(&mut self, of: &mut (impl KeyedSnapshot + ?Sized), id: u64) -> Snapshot {
        let snapshot = self.snapshot(of, id, true);
        of.completed(CheckpointId(id));
        snapshot
    }

    pub(crate) fn bytes(&self, location: SegmentLocation) -> &[u8] {
        let Some(file) = self.files.get(&location.file) else { panic!("file {} is gone", location.file) };
        &file[location.offset as usize..][..location.length as usize]
    }

    /// Restores a snapshot, its last segments first.
    pub(crate) fn restore(
        &self,
        snapshot: &Snapshot,
        into: &mut (impl KeyedSnapshot + ?Sized),
        is_owned: bool,
    ) -> Result<()> {
        snapshot.segments.iter().rev().try_for_each(|(address, location)| {
            into.restore(&RestoredSegment {
                table: &snapshot.tables[usize::from(address.table)],
                group: address.group,
                segment: address.segment,
                bytes: self.bytes(*location),
                location: is_owned.then_some(*location),
            })
        })
    }

    /// Deletes the file of a snapshot.
    pub(crate) fn delete(&mut self, file: u32) {
        self.files.remove(&file);
    }

    /// The files that there are.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.files.keys().copied().collect()
    }
}

impl Snapshot {
    /// The files that it needs.
    pub(crate) fn files(&self) -> BTreeSet<u32> {
        self.segments.iter().map(|(_, location)| location.file).collect()
    }
}
