use std::{mem::needs_drop, sync::Arc};

use flott_core::checkpoint::Barrier;

use crate::{BATCH_RECORDS, Batch, Mark};

/// What moves through a channel at a time: a batch, with marks between its records and perhaps a barrier at its end. So
/// these keep their place without a message of their own, however many channels there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer<T> {
    /// The records.
    pub batch: Batch<T>,
    /// The marks, each with the number of records before it, ascending.
    pub(crate) marks: Vec<(u32, Mark)>,
    /// Bytes of the records, where these own memory: whoever puts them in measures them anyway.
    pub measured: usize,
    /// Stands behind all the rest: a buffer is sent when a barrier has been put into it.
    pub(crate) barrier: Option<Arc<Barrier>>,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Batch::new().into()
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(records: Vec<T>) -> Self {
        Batch::from(records).into()
    }
}

impl<T> From<Batch<T>> for Buffer<T> {
    fn from(batch: Batch<T>) -> Self {
        Self { batch, marks: Vec::new(), measured: 0, barrier: None }
    }
}

impl<T> Buffer<T> {
    /// Puts a mark behind the last record.
    pub fn mark(&mut self, mark: Mark) {
        let at = self.batch.len() as u32;
        match self.marks.last_mut() {
            // Nobody can tell that the lower one of two watermarks without a record between them was left out.
            Some((last, previous @ Mark::Watermark(_)))
                if *last == at && matches!(mark, Mark::Watermark(_)) =>
            {
                *previous = mark;
            }
            _ => self.marks.push((at, mark)),
        }
    }

    /// Puts a barrier at the end. Nothing may be added after it, so the buffer is to be sent.
    pub fn set_barrier(&mut self, barrier: Arc<Barrier>) {
        debug_assert!(self.barrier.is_none(), "a buffer is sent when a barrier was put into it");
        self.barrier = Some(barrier);
    }

    /// The barrier at the end.
    pub fn barrier(&self) -> Option<&Arc<Barrier>> {
        self.barrier.as_ref()
    }

    /// Takes the barrier out.
    pub fn take_barrier(&mut self) -> Option<Arc<Barrier>> {
        self.barrier.take()
    }

    /// Bytes that the records take, with their timestamps.
    pub(crate) fn size(&self) -> usize {
        let records = if needs_drop::<T>() { self.measured } else { size_of_val(&*self.batch.records) };
        records + size_of_val(&*self.batch.timestamps)
    }

    /// Whether there are neither records nor marks nor a barrier.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.marks.is_empty() && self.barrier.is_none()
    }

    /// Whether there are records only.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.marks.is_empty() && self.barrier.is_none()
    }

    /// Whether it holds as many marks as it should.
    pub fn is_full_of_marks(&self) -> bool {
        self.marks.len() >= BATCH_RECORDS
    }

    /// Removes everything but keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.batch.clear();
        self.marks.clear();
        self.measured = 0;
        self.barrier = None;
    }
}

/// Hands out a buffer piece by piece, in the order in which it was filled.
#[derive(Debug)]
pub(crate) struct Pieces<T> {
    buffer: Buffer<T>,
    /// Records that were handed out.
    taken: u32,
    /// Marks that were handed out.
    marks: usize,
}

/// Records up to what stands next between them, or that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<T> {
    Records(Batch<T>),
    Mark(Mark),
    Barrier(Arc<Barrier>),
}

impl<T> Pieces<T> {
    pub(crate) fn new(buffer: Buffer<T>) -> Self {
        Self { buffer, taken: 0, marks: 0 }
    }

    /// The next piece; records come in `spare`.
    pub(crate) fn next(&mut self, spare: &mut Batch<T>) -> Option<Piece<T>> {
        let Buffer { batch, marks, barrier, .. } = &mut self.buffer;
        let Some(&(at, mark)) = marks.get(self.marks) else {
            if batch.is_empty() {
                return barrier.take().map(Piece::Barrier);
            }
            return Some(Piece::Records(std::mem::replace(batch, std::mem::take(spare))));
        };
        if at > self.taken {
            let mut front = std::mem::take(spare);
            batch.split_front((at - self.taken) as usize, &mut front);
            self.taken = at;
            return Some(Piece::Records(front));
        }
        self.marks += 1;
        Some(Piece::Mark(mark))
    }

    /// Lets `read` see what was not handed out yet.
    pub(crate) fn rest<R>(&mut self, read: impl FnOnce(&Buffer<T>) -> R) -> R {
        let left = &self.buffer.marks[self.marks..];
        let rest = Buffer {
            batch: std::mem::take(&mut self.buffer.batch),
            marks: left.iter().map(|&(at, mark)| (at - self.taken, mark)).collect(),
            measured: self.buffer.measured,
            barrier: self.buffer.barrier.take(),
        };
        let result = read(&rest);
        self.buffer.batch = rest.batch;
        self.buffer.barrier = rest.barrier;
        result
    }

    /// The buffer, for the next use.
    pub(crate) fn into_buffer(mut self) -> Buffer<T> {
        self.buffer.clear();
        self.buffer
    }
}

#[cfg(test)]
mod tests {
    use flott_core::{
        CheckpointId,
        checkpoint::{Alignment, SnapshotKind},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Element {
        Record(u8),
        Watermark(i64),
        Idle,
        Barrier,
    }

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            3 => any::<u8>().prop_map(Element::Record),
            1 => any::<i64>().prop_map(Element::Watermark),
            1 => Just(Element::Idle),
        ]
    }

    fn barrier() -> Arc<Barrier> {
        Arc::new(Barrier {
            id: CheckpointId(7),
            triggered_at: 0,
            kind: SnapshotKind::Checkpoint { full: false },
            alignment: Alignment::Unaligned,
        })
    }

    /// All that is in a buffer, in order.
    fn elements(buffer: &Buffer<u8>) -> Vec<Piece<u8>> {
        let (mut pieces, mut seen) = (Pieces::new(buffer.clone()), Vec::new());
        while let Some(piece) = pieces.next(&mut Batch::new()) {
            match (piece, seen.last_mut()) {
                (Piece::Records(more), Some(Piece::Records(before))) => before.records.extend(more.records),
                (piece, _) => seen.push(piece),
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn the_rest_is_what_was_not_handed_out(
            elements_in in prop::collection::vec(element(), 0..20), with_barrier: bool, taken in 0usize..20,
        ) {
            let mut buffer = Buffer::default();
            for element in elements_in {
                match element {
                    Element::Record(record) => buffer.batch.push(record, Timestamp::MIN),
                    Element::Watermark(time) => buffer.mark(Mark::Watermark(Timestamp::from_millis(time))),
                    Element::Idle => buffer.mark(Mark::Idle),
                    Element::Barrier => unreachable!("it is put in by itself"),
                }
            }
            if with_barrier {
                buffer.set_barrier(barrier());
            }
            let all = elements(&buffer);
            let mut pieces = Pieces::new(buffer);
            let mut count = 0;
            while count < taken && pieces.next(&mut Batch::new()).is_some() {
                count += 1;
            }
            prop_assert_eq!(pieces.rest(elements), &all[count..]);
            let mut left = Vec::new();
            while let Some(piece) = pieces.next(&mut Batch::new()) {
                left.push(piece);
            }
            prop_assert_eq!(left, &all[count..], "looking changes nothing");
        }

        #[test]
        fn pieces_come_in_the_order_in_which_they_went_in(elements in prop::collection::vec(element(), 0..40)) {
            let mut buffer = Buffer::default();
            buffer.set_barrier(barrier());
            for &element in &elements {
                match element {
                    Element::Record(record) => buffer.batch.push(record, Timestamp::MIN),
                    Element::Watermark(time) => buffer.mark(Mark::Watermark(Timestamp::from_millis(time))),
                    Element::Idle => buffer.mark(Mark::Idle),
                    Element::Barrier => unreachable!("it is put in by itself"),
                }
            }
            let (mut pieces, mut spare, mut received) = (Pieces::new(buffer), Batch::new(), Vec::new());
            while let Some(piece) = pieces.next(&mut spare) {
                match piece {
                    Piece::Records(mut records) => {
                        received.extend(records.drain().map(|(record, _)| Element::Record(record)));
                        spare = records;
                    }
                    Piece::Mark(Mark::Watermark(time)) => received.push(Element::Watermark(time.as_millis())),
                    Piece::Mark(_) => received.push(Element::Idle),
                    Piece::Barrier(found) => {
                        prop_assert_eq!(found, barrier());
                        received.push(Element::Barrier);
                    }
                }
            }
            let mut expected = elements;
            expected.push(Element::Barrier);
            let mut position = 0;
            while position + 1 < expected.len() {
                match expected[position..position + 2] {
                    [Element::Watermark(_), Element::Watermark(_)] => drop(expected.remove(position)),
                    _ => position += 1,
                }
            }
            prop_assert_eq!(received, expected);
            prop_assert!(pieces.into_buffer().is_empty());
        }
    }
}
