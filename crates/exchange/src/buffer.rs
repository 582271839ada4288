use crate::{BATCH_RECORDS, Batch, Mark};

/// What moves through a channel at a time: a batch, with marks between its records. So a mark keeps its place without
/// a message of its own, however many channels there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer<T> {
    /// The records.
    pub batch: Batch<T>,
    /// The marks, each with the number of records before it, ascending.
    pub(crate) marks: Vec<(u32, Mark)>,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self { batch: Batch::new(), marks: Vec::new() }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(records: Vec<T>) -> Self {
        Self { batch: records.into(), marks: Vec::new() }
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

    /// Whether there are neither records nor marks.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.marks.is_empty()
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

/// Records up to the next mark, or that mark.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<T> {
    Records(Batch<T>),
    Mark(Mark),
}

impl<T> Pieces<T> {
    pub(crate) fn new(buffer: Buffer<T>) -> Self {
        Self { buffer, taken: 0, marks: 0 }
    }

    /// The next piece; records come in `spare`.
    pub(crate) fn next(&mut self, spare: &mut Batch<T>) -> Option<Piece<T>> {
        let Buffer { batch, marks } = &mut self.buffer;
        let Some(&(at, mark)) = marks.get(self.marks) else {
            if batch.is_empty() {
                return None;
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

    /// The buffer, for the next use.
    pub(crate) fn into_buffer(mut self) -> Buffer<T> {
        self.buffer.clear();
        self.buffer
    }
}

#[cfg(test)]
mod tests {
    use flott_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Element {
        Record(u8),
        Watermark(i64),
        Idle,
    }

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            3 => any::<u8>().prop_map(Element::Record),
            1 => any::<i64>().prop_map(Element::Watermark),
            1 => Just(Element::Idle),
        ]
    }

    proptest! {
        #[test]
        fn pieces_come_in_the_order_in_which_they_went_in(elements in prop::collection::vec(element(), 0..40)) {
            let mut buffer = Buffer::default();
            for &element in &elements {
                match element {
                    Element::Record(record) => buffer.batch.push(record, Timestamp::MIN),
                    Element::Watermark(time) => buffer.mark(Mark::Watermark(Timestamp::from_millis(time))),
                    Element::Idle => buffer.mark(Mark::Idle),
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
                }
            }
            let mut expected = elements;
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
