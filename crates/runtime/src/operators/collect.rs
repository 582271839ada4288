use std::sync::{Arc, Mutex, PoisonError};

use flott_core::time::Timestamp;

use crate::{Batch, Mark, Output, Record, Result, output::Flush};

/// What a stream consists of, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamElement<T> {
    /// A record, with its timestamp if it has one.
    Record(T, Option<Timestamp>),
    /// A watermark.
    Watermark(Timestamp),
    /// The stream is idle, or not any more.
    Idle(bool),
}

/// Where [`Collect`] puts what it gets. All clones are the same place.
pub struct Collected<T>(Arc<Mutex<Vec<StreamElement<T>>>>);

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Collected<T> {
    /// Takes what has come since the last time.
    pub fn take(&self) -> Vec<StreamElement<T>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, elements: impl IntoIterator<Item = StreamElement<T>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(elements);
    }
}

/// Keeps all that a stream brings, for tests.
pub struct Collect<T>(Collected<T>);

impl<T> Collect<T> {
    /// Into `collected`.
    pub fn new(collected: Collected<T>) -> Self {
        Self(collected)
    }
}

impl<T: Record> Output<T> for Collect<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let records = batch.drain().map(|(record, timestamp)| {
            StreamElement::Record(record, (!timestamp.is_none()).then_some(timestamp))
        });
        self.0.put(records);
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.0.put([match mark {
            Mark::Watermark(watermark) => StreamElement::Watermark(watermark),
            Mark::Idle => StreamElement::Idle(true),
            Mark::Active => StreamElement::Idle(false),
            Mark::Latency(_) => return Ok(()),
        }]);
        Ok(())
    }

    fn on_processing_time(&mut self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, _: Flush) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn checkpoint(&mut self, _: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        Ok(())
    }
}
