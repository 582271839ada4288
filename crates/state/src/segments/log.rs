//! The snapshots of segments: what is still to be written, and what may be referred to.

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
};

use bytes::{Bytes, BytesMut};
use flott_core::CheckpointId;

use super::{
    EncodeEntry, Stored,
    files::{Files, Rewrite, Written},
    segment::{Layout, READ, Segment},
};
use crate::{
    Error, Result, codec,
    snapshot::{SegmentAddress, SegmentLocation, SegmentSink},
};

/// About how many bytes a segment has on average when it is written: what a single change may cost, and the unit of
/// incremental snapshots.
const SEGMENT_BYTES: u64 = 6 << 10;

/// About how many bytes a segment has in memory at most, beside what its entries point to. Values that are written as few
/// bytes still have to be gone through.
const SEGMENT_MEMORY: usize = 16 << 10;

/// Memory for this many segments is taken at a time,
const SEGMENTS_PER_CHUNK: usize = 32;
/// but not more bytes than this, if more than one fits.
const CHUNK_BYTES: usize = 256 << 10;

/// Segments have at most this many entries on average, so that even twice as many fit into a small hash table.
const SEGMENT_ENTRIES: usize = 896;

pub(super) struct SnapshotLog<E> {
    first_group: u32,
    encode: EncodeEntry<E>,
    /// Snapshots that are not written yet, in their order. Only the last one may have segments that are not encoded.
    pending: VecDeque<Pending>,
    /// Snapshots of which it is not known whether they were completed.
    begun: Vec<Begun>,
    /// What was written in later epochs cannot be referred to yet.
    completed: u32,
    /// The epoch of the last completed snapshot that refers to nothing before it.
    completed_full: u32,
    /// As that, or of one of which that is not known.
    full: u32,
    /// What was written in these epochs does not count.
    aborted: BTreeSet<u32>,
    files: Files,
    /// Entries that were encoded, or size of what is in memory before the first ones, and their bytes.
    measured: (u64, u64),
    buffer: Vec<u8>,
    /// What is left of the memory for segments that were encoded.
    chunk: BytesMut,
}

struct Begun {
    id: CheckpointId,
    epoch: u32,
    incremental: bool,
}

struct Pending {
    id: CheckpointId,
    /// Segments that have not changed after it belong to the snapshot.
    epoch: u32,
    incremental: bool,
    /// What had to be encoded before it changed.
    encoded: VecDeque<Encoded>,
    /// The segments before this one are done; `None`: all are.
    at: Option<usize>,
    rewrite: Rewrite,
    failure: Option<Error>,
}

struct Encoded {
    position: usize,
    /// Its group and number.
    name: (usize, u32),
    content: Content,
}

enum Content {
    Bytes(Bytes),
    Unchanged(SegmentLocation),
}

impl<E: Stored> SnapshotLog<E> {
    pub(super) fn new(first_group: u32, encode: EncodeEntry<E>) -> Self {
        Self {
            first_group,
            encode,
            pending: VecDeque::new(),
            begun: Vec::new(),
            completed: super::RESTORED,
            completed_full: 0,
            full: 0,
            aborted: BTreeSet::new(),
            files: Files::default(),
            measured: (1, size_of::<E>() as u64),
            buffer: Vec::new(),
            chunk: BytesMut::new(),
        }
    }

    /// How many entries a segment should have on average.
    pub(super) fn entries_per_segment(&self) -> usize {
        let (entries, bytes) = self.measured;
        let in_memory = (SEGMENT_MEMORY / size_of::<E>().max(1)).clamp(1, SEGMENT_ENTRIES);
        ((SEGMENT_BYTES * entries / bytes.max(1)) as usize).clamp(1, in_memory)
    }

    /// Learns from `entries` entries that take `bytes` bytes; slowly, if much is known already.
    pub(super) fn measure(&mut self, entries: usize, bytes: usize) {
        let (known, known_bytes) = &mut self.measured;
        if *known > 1 << 20 {
            *known /= 2;
            *known_bytes /= 2;
        }
        *known += entries as u64;
        *known_bytes += bytes as u64;
    }

    /// Learns from some entries of a segment.
    pub(super) fn sample(&mut self, segment: &Segment<E>) {
        const SAMPLES: usize = 4;
        let mut bytes = mem::take(&mut self.buffer);
        for entry in segment.table.iter().take(SAMPLES) {
            bytes.clear();
            // What cannot be serialized is an error when it is to be written.
            if (self.encode)(entry, &mut bytes).is_ok() {
                self.measure(1, bytes.len());
            }
        }
        self.buffer = bytes;
    }

    /// To be called before a segment changes for the first time in the current epoch.
    pub(super) fn before_change(&mut self, segment: &mut Segment<E>, at: (usize, (usize, u32)), epoch: u32) {
        if let Some(mut pending) = self.pending.pop_back() {
            let is_to_be_written = pending.at.is_some_and(|next| at.0 >= next);
            if is_to_be_written && segment.version.get() <= pending.epoch {
                self.encode_now(&mut pending, segment, at);
            }
            self.pending.push_back(pending);
        }
        if let Some(written) = segment.written.take() {
            self.files.remove(written);
        }
        segment.version.set(epoch);
    }

    /// Puts a segment aside for a snapshot.
    fn encode_now(
        &mut self,
        pending: &mut Pending,
        segment: &Segment<E>,
        (position, name): (usize, (usize, u32)),
    ) {
        if segment.table.is_empty() || pending.failure.is_some() {
            return;
        }
        let content = match self.reference(pending, segment) {
            Some(location) => Content::Unchanged(location),
            None => match self.encode(segment) {
                Ok(bytes) => Content::Bytes(bytes),
                Err(error) => {
                    pending.failure = Some(error);
                    return;
                }
            },
        };
        pending.encoded.push_back(Encoded { position, name, content });
    }

    /// Where the segment was written already, if a snapshot may refer to that.
    fn reference(&self, pending: &Pending, segment: &Segment<E>) -> Option<SegmentLocation> {
        let written = segment.written.filter(|_| pending.incremental && segment.version.get() != READ)?;
        let is_valid = written.epoch <= self.completed
            && written.epoch > self.full
            && !self.aborted.contains(&written.epoch);
        is_valid.then(|| written.location())
    }

    /// Encodes where memory is warm, and then copies: many segments may be encoded in a row.
    fn encode(&mut self, segment: &Segment<E>) -> Result<Bytes> {
        let mut buffer = mem::take(&mut self.buffer);
        buffer.clear();
        codec::begin_segment(segment.table.len(), &mut buffer);
        for entry in &segment.table {
            (self.encode)(entry, &mut buffer)?;
        }
        self.measure(segment.table.len(), buffer.len());
        if self.chunk.capacity() < buffer.len() {
            let chunk = (buffer.len() * SEGMENTS_PER_CHUNK).min(CHUNK_BYTES).max(buffer.len());
            self.chunk = BytesMut::with_capacity(chunk);
        }
        self.chunk.extend_from_slice(&buffer);
        self.buffer = buffer;
        Ok(self.chunk.split().freeze())
    }

    /// A snapshot begins, of all that changed in no later epoch than `epoch`.
    pub(super) fn begin(
        &mut self,
        segments: (&[Segment<E>], Layout),
        (id, incremental): (CheckpointId, bool),
        epoch: u32,
    ) {
        self.encode_rest(segments);
        self.begun.push(Begun { id, epoch, incremental });
        self.update_full();
        self.pending.push_back(Pending {
            id,
            epoch,
            incremental,
            encoded: VecDeque::new(),
            at: Some(0),
            rewrite: if incremental { self.files.to_rewrite() } else { Rewrite::default() },
            failure: None,
        });
    }

    /// What was written before a snapshot that refers to nothing may be gone once that is complete.
    fn update_full(&mut self) {
        let full = self.begun.iter().filter(|begun| !begun.incremental).map(|begun| begun.epoch);
        self.full = full.max().unwrap_or(0).max(self.completed_full);
    }

    /// Encodes all that is left of the last snapshot.
    fn encode_rest(&mut self, (segments, layout): (&[Segment<E>], Layout)) {
        let Some(mut pending) = self.pending.pop_back() else { return };
        if let Some(from) = pending.at.take() {
            for (position, segment) in segments.iter().enumerate().skip(from) {
                if segment.version.get() <= pending.epoch {
                    let name = layout.name(segments.len(), position);
                    self.encode_now(&mut pending, segment, (position, name));
                }
            }
        }
        self.pending.push_back(pending);
    }

    /// The snapshot that is to be written first.
    pub(super) fn oldest(&self) -> Option<CheckpointId> {
        self.pending.front().map(|pending| pending.id)
    }

    /// Writes of a snapshot until the sink is full. Returns whether nothing is left of it.
    pub(super) fn write(
        &mut self,
        segments: (&mut [Segment<E>], Layout),
        (id, table): (CheckpointId, u16),
        out: &mut dyn SegmentSink,
    ) -> Result<bool> {
        let Some(mut pending) = self.pending.pop_front() else { return Ok(true) };
        let outcome = if pending.id == id {
            self.write_pending(segments, &mut pending, table, out)
        } else {
            debug_assert!(pending.id > id, "snapshots are written in their order");
            self.pending.push_front(pending);
            return Ok(true);
        };
        match &outcome {
            Ok(true) => {
                if pending.incremental {
                    // Whatever referred to them has been written again.
                    self.aborted.retain(|epoch| *epoch >= pending.epoch);
                }
                return outcome;
            }
            Ok(false) => {}
            Err(error) => pending.failure = Some(error.clone()),
        }
        self.pending.push_front(pending);
        outcome
    }

    fn write_pending(
        &mut self,
        (segments, layout): (&mut [Segment<E>], Layout),
        pending: &mut Pending,
        table: u16,
        out: &mut dyn SegmentSink,
    ) -> Result<bool> {
        if let Some(failure) = &pending.failure {
            return Err(failure.clone());
        }
        // What is in memory twice goes first.
        while !pending.encoded.is_empty() {
            if out.is_full() {
                return Ok(false);
            }
            let Some(Encoded { position, name, content }) = pending.encoded.pop_front() else { break };
            let address = self.address(table, name);
            match content {
                Content::Unchanged(location) => out.refer(address, location),
                Content::Bytes(bytes) => {
                    let location = out.write(address, bytes)?;
                    let segment = segments.get_mut(position);
                    // It may have been encoded for another reason than that it was about to change.
                    let is_unchanged = |version| version != READ && version <= pending.epoch;
                    if let Some(segment) = segment.filter(|segment| is_unchanged(segment.version.get())) {
                        self.note_written(pending, segment, location);
                    }
                }
            }
        }
        let Some(from) = pending.at else { return Ok(true) };
        let count = segments.len();
        for (position, segment) in segments.iter_mut().enumerate().skip(from) {
            if segment.version.get() > pending.epoch || segment.table.is_empty() {
                continue;
            }
            pending.at = Some(position);
            if out.is_full() {
                return Ok(false);
            }
            let address = self.address(table, layout.name(count, position));
            self.write_segment(pending, segment, address, out)?;
        }
        pending.at = None;
        Ok(true)
    }

    fn address(&self, table: u16, (group, number): (usize, u32)) -> SegmentAddress {
        SegmentAddress { table, group: self.first_group + group as u32, segment: number }
    }

    fn write_segment(
        &mut self,
        pending: &mut Pending,
        segment: &mut Segment<E>,
        address: SegmentAddress,
        out: &mut dyn SegmentSink,
    ) -> Result<()> {
        let reference = self.reference(pending, segment);
        if let (Some(location), Some(written)) = (reference, segment.written)
            && !pending.rewrite.takes(written)
        {
            out.refer(address, location);
            return Ok(());
        }
        let bytes = self.encode(segment)?;
        let location = out.write(address, bytes)?;
        self.note_written(pending, segment, location);
        Ok(())
    }

    /// The segment is written, as it is now.
    fn note_written(&mut self, pending: &Pending, segment: &mut Segment<E>, location: SegmentLocation) {
        // What is written for others, as savepoints are, is not ours to refer to.
        if !pending.incremental {
            return;
        }
        if let Some(before) = segment.written.take() {
            self.files.remove(before);
        }
        segment.written = Written::new(location, pending.epoch);
        if let Some(written) = segment.written {
            self.files.add(written);
        }
        segment.version.set(segment.version.get().max(super::RESTORED));
    }

    /// A segment was restored from there.
    pub(super) fn note_restored(&mut self, segment: &mut Segment<E>, location: SegmentLocation) {
        segment.written = Written::new(location, super::RESTORED);
        segment.version.set(super::RESTORED);
        if let Some(written) = segment.written {
            self.files.add(written);
        }
    }

    pub(super) fn completed(&mut self, id: CheckpointId) {
        let Some(known) = self.begun.iter().find(|begun| begun.id == id) else { return };
        let epoch = known.epoch;
        self.completed = self.completed.max(epoch);
        let full = self.begun.iter().filter(|begun| !begun.incremental && begun.epoch <= epoch);
        self.completed_full = full.map(|begun| begun.epoch).max().unwrap_or(0).max(self.completed_full);
        self.begun.retain(|begun| begun.epoch > epoch);
        self.update_full();
    }

    pub(super) fn aborted(&mut self, id: CheckpointId) {
        self.pending.retain(|pending| pending.id != id);
        if let Some(at) = self.begun.iter().position(|begun| begun.id == id) {
            self.aborted.insert(self.begun.remove(at).epoch);
            self.update_full();
        }
    }

    /// The first key group.
    pub(super) fn first_group(&self) -> u32 {
        self.first_group
    }
}
