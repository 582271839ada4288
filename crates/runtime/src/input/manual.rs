use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use flott_core::{checkpoint::Barrier, time::Timestamp};

use super::{AlignmentStats, Step, TaskInput};
use crate::{Batch, BoxOutput, CheckpointEvent, Mark, Record, Result, output::Flush};

/// What is fed by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element<T> {
    Record(T, Timestamp),
    Mark(Mark),
    Barrier(Arc<Barrier>),
    End,
}

/// The hand that feeds a [`ManualInput`]. All clones feed the same one.
pub struct ManualFeed<T>(Arc<Mutex<VecDeque<Element<T>>>>);

impl<T> Default for ManualFeed<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for ManualFeed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> ManualFeed<T> {
    fn put(&self, element: Element<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(element);
    }

    fn take(&self) -> Option<Element<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Feeds a record, with [`Timestamp::MIN`] if it has no timestamp.
    pub fn push(&self, record: T, timestamp: Timestamp) {
        self.put(Element::Record(record, timestamp));
    }

    /// Feeds a mark.
    pub fn mark(&self, mark: Mark) {
        self.put(Element::Mark(mark));
    }

    /// Ends the input, after the last watermark.
    pub fn end(&self) {
        self.mark(Mark::Watermark(Timestamp::MAX));
        self.close();
    }

    /// Ends the input as it is, as that of a subtask ends whose job stops with a savepoint.
    pub(crate) fn close(&self) {
        self.put(Element::End);
    }
}

/// Feeds a chain with what a test gives it, element by element.
pub struct ManualInput<T> {
    feed: ManualFeed<T>,
    ended: bool,
    /// The one that was fed last.
    watermark: Timestamp,
    batch: Batch<T>,
    head: BoxOutput<T>,
}

impl<T> ManualInput<T> {
    /// From `feed` to `head`.
    pub fn new(feed: ManualFeed<T>, head: BoxOutput<T>) -> Self {
        Self { feed, ended: false, watermark: Timestamp::MIN, batch: Batch::new(), head }
    }
}

impl<T: Record> TaskInput for ManualInput<T> {
    fn step(&mut self) -> Result<Step> {
        match self.feed.take() {
            // Behind the end there are barriers, too, and nothing else.
            Some(Element::Barrier(barrier)) => return Ok(Step::Barrier(barrier, AlignmentStats::default())),
            _ if self.ended => return Ok(Step::Ended),
            Some(Element::Record(record, timestamp)) => {
                self.batch.push(record, timestamp);
                self.head.emit(&mut self.batch)?;
            }
            Some(Element::Mark(mark)) => {
                if let Mark::Watermark(watermark) = mark {
                    self.watermark = watermark;
                }
                self.head.mark(mark)?;
            }
            Some(Element::End) => self.ended = true,
            None => return Ok(Step::Idle(None)),
        }
        Ok(Step::Worked)
    }

    fn trigger(&mut self, barrier: Arc<Barrier>) {
        self.feed.put(Element::Barrier(barrier));
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        event.input_watermark(self.watermark);
        self.head.checkpoint(event)
    }

    fn restore_watermark(&mut self, watermark: Timestamp) -> Result<()> {
        self.watermark = watermark;
        self.head.mark(Mark::Watermark(watermark))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.head.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.head.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.head.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.head.close()
    }
}
