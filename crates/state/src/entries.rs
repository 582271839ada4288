//! The entries of one keyed state: a table, how they age, and the function that goes with some kinds.

use std::{any::TypeId, ops::Range};

use flott_core::{CheckpointId, time::Timestamp};

use crate::{
    Key, Namespace, Result,
    codec::{self, Reader},
    keyed_state::{Current, StateTable},
    segments::{Looked, Position, Restored},
    snapshot::{Conversion, RestoredSegment, SegmentSink},
    table::{Entry, Table},
    ttl::{Aging, GONE},
};

pub(crate) struct Entries<K, N, C, A, F = ()> {
    pub(crate) table: Table<K, N, C>,
    pub(crate) aging: A,
    /// What the user gave to combine values.
    pub(crate) function: F,
    /// How many entries may be looked at when the time is told next; negative after a costly one.
    budget: isize,
    sweep_at: Position,
}

/// What is kept for a key and namespace.
pub(crate) trait Content<A>: Sized + Send + 'static {
    /// Whether anything in it has expired.
    fn look(&self, aging: &A, now: Timestamp) -> Looked;

    /// Removes what has expired, and says whether anything is left.
    fn clean(&mut self, aging: &A, now: Timestamp) -> bool;

    /// Appends it to a segment, with the times at which lives began.
    fn encode(&self, out: &mut Vec<u8>) -> Result<()>;

    /// Reads what [`encode`](Self::encode) wrote; `None` if nothing of it is there any more.
    fn decode(reader: &mut Reader<'_>, how: &Decoding<'_, A>) -> Result<Option<Self>>;
}

/// How contents are read.
pub(crate) struct Decoding<'a, A> {
    pub(crate) conversion: &'a Conversion,
    pub(crate) aging: &'a A,
    pub(crate) now: Timestamp,
}

impl<A: Aging> Decoding<'_, A> {
    /// Reads when a life began, if that is stored. Lives of unknown beginning begin now. `None` for what is gone, which
    /// nobody would know any more.
    pub(crate) fn since(&self, reader: &mut Reader<'_>) -> Result<Option<Timestamp>> {
        if !self.conversion.stored_ttl {
            return Ok(Some(self.now));
        }
        let since: Timestamp = reader.get()?;
        Ok((A::AGES || since != GONE).then_some(since))
    }
}

impl<K: Key, N: Namespace, C: Content<A>, A: Aging, F> Entries<K, N, C, A, F> {
    pub(crate) fn new(groups: Range<u32>, aging: A, function: F) -> Self {
        let table = Table::new(groups, encode_entry::<K, N, C, A>);
        Self { table, aging, function, budget: 0, sweep_at: Position::default() }
    }
}

impl<K: Key, N: Namespace, C, A: Aging, F> Entries<K, N, C, A, F> {
    /// To be called at each write, before it.
    #[inline]
    pub(crate) fn before_write(&mut self) {
        self.budget = self.budget.saturating_add(self.aging.cleanup() as isize);
    }
}

fn encode_entry<K: Key, N: Namespace, C: Content<A>, A>(
    entry: &Entry<K, N, C>,
    out: &mut Vec<u8>,
) -> Result<()> {
    codec::put(&entry.key, out)?;
    codec::put(&entry.namespace, out)?;
    entry.value.encode(out)
}

impl<K: Key, N: Namespace, C: Content<A>, A: Aging, F: Send + 'static> StateTable<K>
    for Entries<K, N, C, A, F>
{
    fn namespace_type(&self) -> TypeId {
        TypeId::of::<N>()
    }

    fn clear(&mut self, current: &Current<K>) {
        self.table.remove(&current.place::<N>());
    }

    fn clean_up(&mut self, now: Timestamp) {
        self.before_write();
        let aging = &self.aging;
        let left = self.table.segments.sweep(
            &mut self.sweep_at,
            self.budget,
            |entry| entry.value.look(aging, now),
            |entry| entry.value.clean(aging, now),
        );
        // What a whole round leaves is not saved up: there was nothing to do.
        self.budget = left.min(0);
    }

    fn len(&self) -> usize {
        self.table.segments.len()
    }

    fn keys(&self) -> Vec<K> {
        self.table.keys()
    }

    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.table.segments.begin(id, incremental);
    }

    fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        self.table.segments.write(id, table, out)
    }

    fn completed(&mut self, id: CheckpointId) {
        self.table.segments.completed(id);
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.table.segments.aborted(id);
    }

    fn restore(
        &mut self,
        segment: &RestoredSegment<'_>,
        conversion: &Conversion,
        current: &Current<K>,
    ) -> Result<()> {
        let how = Decoding { conversion, aging: &self.aging, now: current.now() };
        self.table.segments.restore(segment, current.max_parallelism(), |reader| {
            let (key, namespace) = (reader.get()?, reader.get()?);
            Ok(match C::decode(reader, &how)? {
                None => Restored::Dropped,
                Some(value) if conversion.is_same => Restored::AsStored(Entry { key, namespace, value }),
                Some(value) => Restored::Changed(Entry { key, namespace, value }),
            })
        })
    }
}
