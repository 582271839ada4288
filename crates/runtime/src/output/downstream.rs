use flott_core::time::Timestamp;
use flott_exchange::BATCH_RECORDS;

use super::{BoxOutput, Flush, Output, OutputTag, SideOutputs};
use crate::{Batch, CheckpointEvent, Mark, Record, Result, TaskEnd, scope};

/// What an operator with user functions emits into: its main output and its side outputs, each behind a buffer.
///
/// Functions emit record by record and can't be told that the task has ended; the operator calls [`send`](Self::send)
/// after them, which hands on what is left.
pub struct Downstream<U> {
    main: BoxOutput<U>,
    buffer: Batch<U>,
    sides: SideOutputs,
    /// Set once the rest of the chain has failed and the function could not be left; what comes after that is dropped.
    ended: Option<TaskEnd>,
}

impl<U> Downstream<U> {
    /// Emits into `main` and `sides`.
    pub fn new(main: BoxOutput<U>, sides: SideOutputs) -> Self {
        Self { main, buffer: Batch::new(), sides, ended: None }
    }

    /// Emits a record, with [`Timestamp::MIN`] if it has no timestamp.
    #[inline]
    pub fn emit(&mut self, record: U, timestamp: Timestamp) {
        self.buffer.push(record, timestamp);
        // A record that becomes millions must not fill the memory before it is done.
        if self.buffer.len() >= BATCH_RECORDS {
            self.pass_on();
        }
    }

    #[cold]
    fn pass_on(&mut self) {
        if self.ended.is_some() {
            self.buffer.clear();
        } else if let Err(end) = self.sides.send().and_then(|()| self.main.emit(&mut self.buffer)) {
            // The function may go on for ever.
            self.ended = Some(scope::unwind_with(end));
        }
    }

    /// Emits a record into a side output.
    ///
    /// # Panics
    /// If that is read with another type.
    pub fn emit_to<X: Record>(&mut self, tag: &OutputTag<X>, record: X, timestamp: Timestamp) {
        self.sides.emit(tag, record, timestamp);
    }

    /// Hands on what was emitted.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    #[inline]
    pub fn send(&mut self) -> Result<()> {
        if let Some(end) = self.ended.take() {
            return Err(end);
        }
        if !self.buffer.is_empty() {
            self.main.emit(&mut self.buffer)?;
        }
        if self.sides.is_empty() { Ok(()) } else { self.sides.send() }
    }

    /// Hands on what was emitted, then a mark.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn mark(&mut self, mark: Mark) -> Result<()> {
        self.send()?;
        self.main.mark(mark)?;
        self.sides.each(|side| side.mark(mark))
    }

    /// Hands on what was emitted, then the time.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.send()?;
        self.main.on_processing_time(now)?;
        self.sides.each(|side| side.on_processing_time(now))
    }

    /// Hands on what was emitted, then the end.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn end(&mut self) -> Result<()> {
        self.send()?;
        self.main.end()?;
        self.sides.each(|side| side.end())
    }

    /// As [`Output::flush`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn flush(&mut self, flush: Flush) -> Result<()> {
        self.main.flush(flush)?;
        self.sides.each(|side| side.flush(flush))
    }

    /// As [`Output::close`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn close(&mut self) -> Result<bool> {
        let main = self.main.close()?;
        Ok(self.sides.close()? && main)
    }

    /// Hands on what was emitted, then the event.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        self.send()?;
        self.main.checkpoint(event)?;
        self.sides.each(|side| side.checkpoint(event))
    }
}
