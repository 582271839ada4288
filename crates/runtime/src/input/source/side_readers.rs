//! Further splits of a checkpoint, which are read beside the first one.

use std::time::Instant;

use crate::{Batch, BoxError, ReadStatus, SourceReader};

/// A reader of one split.
struct SideReader<R> {
    lane: u32,
    reader: R,
}

/// Readers of one split each, which take turns.
pub(super) struct SideReaders<R> {
    readers: Vec<SideReader<R>>,
    /// Who is the next to read.
    turn: usize,
}

/// What a read of one of them came to.
pub(super) enum SideRead {
    /// There are records, or there may be more at once.
    Worked {
        /// Where they are from.
        lane: u32,
        /// Whether that was the end of its split.
        ended: bool,
    },
    /// None has anything before this time.
    Waiting(Option<Instant>),
}

impl<R: SourceReader> SideReaders<R> {
    /// Reads these splits. Their lanes are numbered from 1.
    pub(super) fn open(
        splits: impl IntoIterator<Item = R::Split>,
        make: impl Fn() -> Result<R, BoxError>,
    ) -> Result<Self, BoxError> {
        let open = |(lane, split)| {
            let mut reader = make()?;
            reader.start(split)?;
            Ok(SideReader { lane, reader })
        };
        Ok(Self { readers: (1..).zip(splits).map(open).collect::<Result<_, BoxError>>()?, turn: 0 })
    }

    /// Reads nothing.
    pub(super) fn none() -> Self {
        Self { readers: Vec::new(), turn: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.readers.len()
    }

    /// Where each has come.
    pub(super) fn snapshot(&mut self) -> Result<Vec<R::Split>, BoxError> {
        let splits = self.readers.iter_mut().map(|side| side.reader.snapshot());
        splits.filter_map(Result::transpose).collect()
    }

    /// Lets the next one that has something read about a batch.
    pub(super) fn read(&mut self, batch: &mut Batch<R::Record>) -> Result<SideRead, BoxError> {
        let mut until: Option<Instant> = None;
        for _ in 0..self.readers.len() {
            let at = self.turn % self.readers.len();
            self.turn = at + 1;
            let SideReader { lane, reader } = &mut self.readers[at];
            let lane = *lane;
            let status = reader.read(batch)?;
            match status {
                ReadStatus::SplitEnded => {
                    self.readers.remove(at);
                    return Ok(SideRead::Worked { lane, ended: true });
                }
                ReadStatus::More => return Ok(SideRead::Worked { lane, ended: false }),
                ReadStatus::WaitUntil(_) | ReadStatus::Waiting if !batch.is_empty() => {
                    return Ok(SideRead::Worked { lane, ended: false });
                }
                ReadStatus::WaitUntil(time) => until = Some(until.map_or(time, |until| until.min(time))),
                ReadStatus::Waiting => {}
            }
        }
        Ok(SideRead::Waiting(until))
    }
}
