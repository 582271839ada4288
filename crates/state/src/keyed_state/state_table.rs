//! What all tables of keyed state can, whatever they hold.

use std::any::{Any, TypeId};

use flott_core::{CheckpointId, time::Timestamp};

use super::Current;
use crate::{
    Result,
    snapshot::{Conversion, RestoredSegment, SegmentSink},
};

pub(crate) trait StateTable<K>: Any + Send {
    /// The type of the namespace.
    fn namespace_type(&self) -> TypeId;

    /// Drops the entry of the current key and namespace.
    fn clear(&mut self, current: &Current<K>);

    /// Removes some entries whose time is over.
    fn clean_up(&mut self, now: Timestamp);

    /// Number of entries.
    fn len(&self) -> usize;

    /// The keys that have an entry, each once.
    fn keys(&self) -> Vec<K>;

    /// What is here now belongs to the snapshot.
    fn begin(&mut self, id: CheckpointId, incremental: bool);

    /// Writes of a snapshot until the sink is full, as a table at this position. Returns whether nothing is left of it.
    fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool>;

    /// What was written for the snapshot may be referred to.
    fn completed(&mut self, id: CheckpointId);

    /// What was written for the snapshot does not count.
    fn aborted(&mut self, id: CheckpointId);

    /// Takes in a segment.
    fn restore(
        &mut self,
        segment: &RestoredSegment<'_>,
        conversion: &Conversion,
        current: &Current<K>,
    ) -> Result<()>;
}

/// The table of a state that may have a time to live: of two types, so that without one there is no trace of it.
pub(crate) enum MaybeTtl<P, T> {
    Plain(P),
    Ttl(T),
}

/// Does the same with the entries of either type.
macro_rules! on_entries {
    ($table:expr, $entries:ident => $do:expr) => {
        match $table {
            $crate::keyed_state::MaybeTtl::Plain($entries) => $do,
            $crate::keyed_state::MaybeTtl::Ttl($entries) => $do,
        }
    };
}
pub(crate) use on_entries;

impl<K: 'static, P: StateTable<K>, T: StateTable<K>> StateTable<K> for MaybeTtl<P, T> {
    fn namespace_type(&self) -> TypeId {
        on_entries!(self, entries => entries.namespace_type())
    }

    fn clear(&mut self, current: &Current<K>) {
        on_entries!(self, entries => entries.clear(current));
    }

    fn clean_up(&mut self, now: Timestamp) {
        on_entries!(self, entries => entries.clean_up(now));
    }

    fn len(&self) -> usize {
        on_entries!(self, entries => entries.len())
    }

    fn keys(&self) -> Vec<K> {
        on_entries!(self, entries => entries.keys())
    }

    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        on_entries!(self, entries => entries.begin(id, incremental));
    }

    fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        on_entries!(self, entries => entries.write(id, table, out))
    }

    fn completed(&mut self, id: CheckpointId) {
        on_entries!(self, entries => entries.completed(id));
    }

    fn aborted(&mut self, id: CheckpointId) {
        on_entries!(self, entries => entries.aborted(id));
    }

    fn restore(
        &mut self,
        segment: &RestoredSegment<'_>,
        conversion: &Conversion,
        current: &Current<K>,
    ) -> Result<()> {
        on_entries!(self, entries => entries.restore(segment, conversion, current))
    }
}
