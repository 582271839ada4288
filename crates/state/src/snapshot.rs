//! Snapshots of what is kept by key: taken while the job runs on, incremental, readable at any parallelism.
//!
//! What is kept by key is cut into *segments* inside each key group, each of which is small enough to be written between
//! two batches. [`begin`](KeyedSnapshot::begin) makes nothing but a mark: what is here now belongs to the snapshot.
//! [`write`](KeyedSnapshot::write) then writes one segment after the other, as much as the sink takes at a time, while
//! records are processed in between; a segment that is about to be changed is encoded first. A segment that has not
//! changed since it was written for a snapshot that is [`completed`](KeyedSnapshot::completed) is only referred to.

mod conversion;
mod description;

pub(crate) use conversion::Conversion;
pub use description::TableDescription;

use bytes::Bytes;
use flott_core::CheckpointId;

use crate::Result;

/// What keeps data by key and can be snapshot without stopping the job.
///
/// One snapshot is written at a time. All methods are to be called between two batches, by the thread that changes the
/// data.
pub trait KeyedSnapshot {
    /// What is here now belongs to the snapshot; later changes do not. Takes nearly no time, however much is here. With
    /// `incremental`, segments that did not change since a [completed](Self::completed) snapshot may be referred to;
    /// without it all are written, and [no later snapshot](Self::completed) refers to them.
    ///
    /// If an earlier snapshot is not written yet, the rest of it is encoded now, in memory, and handed out by
    /// [`write`](Self::write) first.
    fn begin(&mut self, id: CheckpointId, incremental: bool);

    /// Writes what belongs to the snapshots that have begun until `out` is full. Returns whether all of it is written.
    ///
    /// # Errors
    /// Those of `out`, and if a value cannot be serialized.
    fn write(&mut self, out: &mut dyn SegmentSink) -> Result<bool>;

    /// A snapshot is complete: what was written for it may be referred to by later ones from now on, if it was
    /// incremental. If it was not, then nothing that was written before may be referred to any more, since its files
    /// may go. Must not be called for savepoints, after which earlier files stay.
    fn completed(&mut self, id: CheckpointId);

    /// A snapshot is not wanted any more, also if it is written already: what was written for it does not count.
    fn aborted(&mut self, id: CheckpointId);

    /// Takes in a piece of an earlier snapshot. Entries of key groups that are not this subtask's are skipped. To be
    /// called before anything is changed or snapshot.
    ///
    /// # Errors
    /// If the table that it belongs to is another one now, if the bytes are damaged, and if a key is not in the group
    /// that the segment claims.
    fn restore(&mut self, segment: &RestoredSegment<'_>) -> Result<()>;

    /// How many entries there are: keys with a value, a list or a map, or timers.
    fn entries(&self) -> usize;

    /// Names and schemas of the tables inside. Their order never changes while a snapshot is written; tables are added
    /// at the end.
    fn describe(&self) -> Vec<TableDescription>;
}

/// Which segment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentAddress {
    /// Position of its table in [`KeyedSnapshot::describe`].
    pub table: u16,
    /// Its key group.
    pub group: u32,
    /// Which one it is in its group: 2^d + the lowest d of the bits by which its entries are spread.
    pub segment: u32,
}

/// Where a segment was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentLocation {
    /// The sink's number of the file; 0: it is in the manifest itself, and cannot be referred to later.
    pub file: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Number of bytes.
    pub length: u32,
    /// Checksum of the bytes, of a kind that only the sink knows.
    pub checksum: u32,
}

/// Takes the segments of a snapshot.
pub trait SegmentSink {
    /// Writes a segment.
    ///
    /// # Errors
    /// If that is impossible; the snapshot then fails.
    fn write(&mut self, address: SegmentAddress, bytes: Bytes) -> Result<SegmentLocation>;

    /// Refers to a segment, which has not changed since the snapshot in which it was written.
    fn refer(&mut self, address: SegmentAddress, location: SegmentLocation);

    /// Whether it is enough for now: records are to be processed.
    fn is_full(&self) -> bool;
}

/// A segment of an earlier snapshot.
#[derive(Clone, Copy, Debug)]
pub struct RestoredSegment<'a> {
    /// Its table, as it was then.
    pub table: &'a TableDescription,
    /// Its key group.
    pub group: u32,
    /// As [`SegmentAddress::segment`].
    pub segment: u32,
    /// What was written.
    pub bytes: &'a [u8],
    /// Set if later snapshots may refer to it: where it is, by the numbers of their sink.
    pub location: Option<SegmentLocation>,
}
