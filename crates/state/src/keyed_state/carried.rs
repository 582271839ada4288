//! States of a snapshot that the job does not have, or not yet: kept as they were written, and written again.

use std::collections::VecDeque;

use bytes::Bytes;
use flott_core::CheckpointId;

use crate::{
    Result, TableDescription,
    snapshot::{RestoredSegment, SegmentAddress, SegmentLocation, SegmentSink},
};

pub(super) struct Carried {
    pub(super) description: TableDescription,
    pub(super) position: u32,
    /// Set when the state was registered while a snapshot was written: it goes when that is done.
    pub(super) is_leaving: bool,
    segments: Vec<Segment>,
    /// Snapshots that are not written yet.
    pending: VecDeque<Pending>,
    /// Snapshots that refer to nothing before them. Once there is one, the locations may lead nowhere.
    full: Vec<CheckpointId>,
}

struct Segment {
    group: u32,
    number: u32,
    bytes: Bytes,
    location: Option<SegmentLocation>,
}

struct Pending {
    id: CheckpointId,
    incremental: bool,
    /// The next segment.
    at: usize,
}

impl Carried {
    pub(super) fn new(description: TableDescription, position: u32) -> Self {
        Self {
            description,
            position,
            is_leaving: false,
            segments: Vec::new(),
            pending: VecDeque::new(),
            full: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, segment: &RestoredSegment<'_>) {
        self.segments.push(Segment {
            group: segment.group,
            number: segment.segment,
            bytes: Bytes::copy_from_slice(segment.bytes),
            location: segment.location.filter(|location| location.file != 0),
        });
    }

    /// The segments, as they were restored.
    pub(super) fn segments(&self) -> impl Iterator<Item = RestoredSegment<'_>> {
        self.segments.iter().map(|segment| RestoredSegment {
            table: &self.description,
            group: segment.group,
            segment: segment.number,
            bytes: &segment.bytes,
            location: segment.location.filter(|_| self.full.is_empty()),
        })
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.pending.push_back(Pending { id, incremental, at: 0 });
        if !incremental {
            self.full.push(id);
        }
    }

    pub(super) fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        let Some(pending) = self.pending.front_mut().filter(|pending| pending.id == id) else {
            return Ok(true);
        };
        while let Some(segment) = self.segments.get(pending.at) {
            if out.is_full() {
                return Ok(false);
            }
            let address = SegmentAddress { table, group: segment.group, segment: segment.number };
            match segment.location {
                Some(location) if pending.incremental && self.full.is_empty() => out.refer(address, location),
                _ => {
                    out.write(address, segment.bytes.clone())?;
                }
            }
            pending.at += 1;
        }
        self.pending.pop_front();
        Ok(true)
    }

    pub(super) fn aborted(&mut self, id: CheckpointId) {
        self.pending.retain(|pending| pending.id != id);
        self.full.retain(|full| *full != id);
    }
}
