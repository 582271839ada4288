//! The snapshots of segments: what is still to be written, and what may be referred to.

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
};

use flott_core::CheckpointId;

use super::{
    EncodeEntry, Stored,
    files::{Files, Rewrite, Written},
    group::{Address, Group, READ, Segment},
};
use crate::{
    Error, Result, codec,
    snapshot::{SegmentAddress, SegmentLocation, SegmentSink},
};

/// About how many bytes a segment has on average when it is written: what a single change may cost, and the unit of
/// incremental snapshots.
const SEGMENT_BYTES: u64 = 6 << 10;

/// Segments have at most this many entries on average, so that even twice as many fit into a small hash table.
const SEGMENT_ENTRIES: u64 = 224;

pub(super) struct SnapshotLog<E> {
    first_group: u32,
    /// Snapshots that are not written yet, in their order. Only the last one may have segments that are not encoded.
    pending: VecDeque<Pending<E>>,
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
}

struct Begun {
    id: CheckpointId,
    epoch: u32,
    incremental: bool,
}

struct Pending<E> {
    id: CheckpointId,
    /// Segments that have not changed after it belong to the snapshot.
    epoch: u32,
    incremental: bool,
    encode: EncodeEntry<E>,
    /// What had to be encoded before it changed.
    encoded: VecDeque<Encoded>,
    /// The segments before this one, group and index, are done; `None`: all are.
    at: Option<(usize, usize)>,
    rewrite: Rewrite,
    failure: Option<Error>,
}

struct Encoded {
    group: usize,
    index: usize,
    number: u32,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    Unchanged(SegmentLocation),
}

impl<E: Stored> SnapshotLog<E> {
    pub(super) fn new(first_group: u32) -> Self {
        Self {
            first_group,
            pending: VecDeque::new(),
            begun: Vec::new(),
            completed: super::RESTORED,
            completed_full: 0,
            full: 0,
            aborted: BTreeSet::new(),
            files: Files::default(),
            measured: (1, size_of::<E>() as u64),
            buffer: Vec::new(),
        }
    }

    /// How many entries a segment should have on average.
    pub(super) fn entries_per_segment(&self) -> usize {
        let (entries, bytes) = self.measured;
        (SEGMENT_BYTES * entries / bytes.max(1)).clamp(1, SEGMENT_ENTRIES) as usize
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

    /// To be called before a segment changes for the first time in the current epoch.
    #[cold]
    #[inline(never)]
    pub(super) fn before_change(&mut self, segment: &mut Segment<E>, at: Address, epoch: u32) {
        if let Some(mut pending) = self.pending.pop_back() {
            let is_to_be_written = pending.at.is_some_and(|next| (at.group, at.index) >= next);
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
    fn encode_now(&mut self, pending: &mut Pending<E>, segment: &Segment<E>, at: Address) {
        if segment.table.is_empty() || pending.failure.is_some() {
            return;
        }
        let content = match self.reference(pending, segment) {
            Some(location) => Content::Unchanged(location),
            None => {
                let mut bytes = Vec::new();
                if let Err(error) = self.encode(segment, pending.encode, &mut bytes) {
                    pending.failure = Some(error);
                    return;
                }
                Content::Bytes(bytes)
            }
        };
        let (group, index, number) = (at.group, at.index, at.number());
        pending.encoded.push_back(Encoded { group, index, number, content });
    }

    /// Where the segment was written already, if a snapshot may refer to that.
    fn reference(&self, pending: &Pending<E>, segment: &Segment<E>) -> Option<SegmentLocation> {
        let written = segment.written.filter(|_| pending.incremental && segment.version.get() != READ)?;
        let is_valid = written.epoch <= self.completed
            && written.epoch > self.full
            && !self.aborted.contains(&written.epoch);
        is_valid.then(|| written.location())
    }

    fn encode(&mut self, segment: &Segment<E>, encode: EncodeEntry<E>, out: &mut Vec<u8>) -> Result<()> {
        codec::begin_segment(segment.table.len(), out);
        for entry in &segment.table {
            encode(entry, out)?;
        }
        self.measure(segment.table.len(), out.len());
        Ok(())
    }

    /// A snapshot begins, of all that changed in no later epoch than `epoch`.
    pub(super) fn begin(
        &mut self,
        groups: &[Group<E>],
        (id, incremental): (CheckpointId, bool),
        epoch: u32,
        encode: EncodeEntry<E>,
    ) {
        self.encode_rest(groups);
        self.begun.push(Begun { id, epoch, incremental });
        self.update_full();
        self.pending.push_back(Pending {
            id,
            epoch,
            incremental,
            encode,
            encoded: VecDeque::new(),
            at: Some((0, 0)),
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
    pub(super) fn encode_rest(&mut self, groups: &[Group<E>]) {
        let Some(mut pending) = self.pending.pop_back() else { return };
        if let Some((first, mut from)) = pending.at.take() {
            for (group, in_group) in groups.iter().enumerate().skip(first) {
                let count = in_group.segments.len();
                for (index, segment) in in_group.segments.iter().enumerate().skip(mem::take(&mut from)) {
                    if segment.version.get() <= pending.epoch {
                        self.encode_now(&mut pending, segment, Address { group, index, count });
                    }
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
        groups: &mut [Group<E>],
        (id, table): (CheckpointId, u16),
        out: &mut dyn SegmentSink,
    ) -> Result<bool> {
        let Some(mut pending) = self.pending.pop_front() else { return Ok(true) };
        let outcome = if pending.id == id {
            self.write_pending(groups, &mut pending, table, out)
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
        groups: &mut [Group<E>],
        pending: &mut Pending<E>,
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
            let Some(Encoded { group, index, number, content }) = pending.encoded.pop_front() else { break };
            let address = SegmentAddress { table, group: self.first_group + group as u32, segment: number };
            match content {
                Content::Unchanged(location) => out.refer(address, location),
                Content::Bytes(bytes) => {
                    let location = out.write(address, &bytes)?;
                    let segment = groups[group].segments.get_mut(index);
                    // It may have been encoded for another reason than that it was about to change.
                    let is_unchanged = |version| version != READ && version <= pending.epoch;
                    if let Some(segment) = segment.filter(|segment| is_unchanged(segment.version.get())) {
                        self.note_written(pending, segment, location);
                    }
                }
            }
        }
        let Some((mut group, mut index)) = pending.at else { return Ok(true) };
        while let Some(in_group) = groups.get_mut(group) {
            let count = in_group.segments.len();
            for (at, segment) in in_group.segments.iter_mut().enumerate().skip(index) {
                if segment.version.get() > pending.epoch || segment.table.is_empty() {
                    continue;
                }
                pending.at = Some((group, at));
                if out.is_full() {
                    return Ok(false);
                }
                let number = Address { group, index: at, count }.number();
                let address =
                    SegmentAddress { table, group: self.first_group + group as u32, segment: number };
                self.write_segment(pending, segment, address, out)?;
                pending.at = Some((group, at + 1));
            }
            in_group.set_growth(self.entries_per_segment());
            group += 1;
            index = 0;
        }
        pending.at = None;
        Ok(true)
    }

    fn write_segment(
        &mut self,
        pending: &mut Pending<E>,
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
        let mut bytes = mem::take(&mut self.buffer);
        bytes.clear();
        self.encode(segment, pending.encode, &mut bytes)?;
        let location = out.write(address, &bytes)?;
        self.buffer = bytes;
        self.note_written(pending, segment, location);
        Ok(())
    }

    /// The segment is written, as it is now.
    fn note_written(&mut self, pending: &Pending<E>, segment: &mut Segment<E>, location: SegmentLocation) {
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
