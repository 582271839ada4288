//! Outputs beside an operator's main one.

use std::{any::Any, marker::PhantomData, sync::Arc};

use flott_core::time::Timestamp;

use super::{BoxOutput, Flush, Output};
use crate::{Batch, CheckpointEvent, Mark, Record, Result};

/// Names a side output of an operator: records of another kind than its main ones, such as late or malformed ones.
///
/// ```
/// use flott_runtime::output::OutputTag;
///
/// let late = OutputTag::<String>::new("late");
/// assert_eq!(late.id(), "late");
/// ```
pub struct OutputTag<T> {
    id: Arc<str>,
    record: PhantomData<fn() -> T>,
}

impl<T> OutputTag<T> {
    /// The tag with this name. Tags of one name are the same side output, and must be of the same type.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), record: PhantomData }
    }

    /// The tag's name.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl<T> Clone for OutputTag<T> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), record: PhantomData }
    }
}

impl<T> std::fmt::Debug for OutputTag<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputTag({})", self.id)
    }
}

/// A side output with what is to be sent into it.
pub struct Side<T> {
    buffer: Batch<T>,
    output: BoxOutput<T>,
}

impl<T: Record> Side<T> {
    /// The side output that `output` reads.
    pub fn new(output: BoxOutput<T>) -> Self {
        Self { buffer: Batch::new(), output }
    }
}

/// A [`Side`] whose record type is not known.
pub trait AnySide: Send {
    /// The `Side<T>`.
    fn as_any(&mut self) -> &mut dyn Any;

    /// Name of the record type.
    fn record_type(&self) -> &'static str;

    /// Hands on the buffered records.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn send(&mut self) -> Result<()>;

    /// The reader, for all that does not depend on the record type.
    fn control(&mut self) -> &mut dyn Control;
}

/// [`Output`] without its records.
pub trait Control {
    /// As [`Output::mark`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn mark(&mut self, mark: Mark) -> Result<()>;
    /// As [`Output::on_processing_time`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn on_processing_time(&mut self, now: Timestamp) -> Result<()>;
    /// As [`Output::end`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn end(&mut self) -> Result<()>;
    /// As [`Output::flush`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn flush(&mut self, flush: Flush) -> Result<()>;
    /// As [`Output::close`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn close(&mut self) -> Result<bool>;
    /// As [`Output::checkpoint`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()>;
}

impl<T> Control for Side<T> {
    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.output.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.output.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.output.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.output.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.output.close()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        self.output.checkpoint(event)
    }
}

impl<T: Record> AnySide for Side<T> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn record_type(&self) -> &'static str {
        std::any::type_name::<T>()
    }

    fn send(&mut self) -> Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.output.emit(&mut self.buffer) }
    }

    fn control(&mut self) -> &mut dyn Control {
        self
    }
}

/// The side outputs of one operator that somebody reads.
#[derive(Default)]
pub struct SideOutputs {
    sides: Vec<(Arc<str>, Box<dyn AnySide>)>,
}

impl SideOutputs {
    /// These side outputs, by the name of their tag.
    pub fn new(sides: Vec<(Arc<str>, Box<dyn AnySide>)>) -> Self {
        Self { sides }
    }

    /// Whether nobody reads any.
    pub fn is_empty(&self) -> bool {
        self.sides.is_empty()
    }

    /// Buffers a record for a side output; one that nobody reads is dropped.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn emit<T: Record>(&mut self, tag: &OutputTag<T>, record: T, timestamp: Timestamp) {
        let Some((_, side)) = self.sides.iter_mut().find(|(id, _)| **id == *tag.id) else { return };
        let known = side.record_type();
        let side = side.as_any().downcast_mut::<Side<T>>().unwrap_or_else(|| {
            panic!(
                "side output \"{}\" is read as {known} but was given a {}: use one OutputTag for both",
                tag.id,
                std::any::type_name::<T>()
            )
        });
        side.buffer.push(record, timestamp);
    }

    /// Hands on the buffered records.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn send(&mut self) -> Result<()> {
        self.sides.iter_mut().try_for_each(|(_, side)| side.send())
    }

    /// Hands on the buffered records, then calls what reads them.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn each(&mut self, mut call: impl FnMut(&mut dyn Control) -> Result<()>) -> Result<()> {
        for (_, side) in &mut self.sides {
            side.send()?;
            call(side.control())?;
        }
        Ok(())
    }

    /// As [`Output::close`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    pub fn close(&mut self) -> Result<bool> {
        let mut closed = true;
        self.each(|side| {
            closed &= side.close()?;
            Ok(())
        })?;
        Ok(closed)
    }
}

/// The main output of an operator that knows nothing of side outputs, together with those.
pub struct WithSides<T> {
    main: BoxOutput<T>,
    sides: SideOutputs,
}

impl<T> WithSides<T> {
    /// `main` and `sides` as one.
    pub fn new(main: BoxOutput<T>, sides: SideOutputs) -> Self {
        Self { main, sides }
    }
}

impl<T> Output<T> for WithSides<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        self.main.emit(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.main.mark(mark)?;
        self.sides.each(|side| side.mark(mark))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.main.on_processing_time(now)?;
        self.sides.each(|side| side.on_processing_time(now))
    }

    fn end(&mut self) -> Result<()> {
        self.main.end()?;
        self.sides.each(|side| side.end())
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.main.flush(flush)?;
        self.sides.each(|side| side.flush(flush))
    }

    fn close(&mut self) -> Result<bool> {
        let main = self.main.close()?;
        Ok(self.sides.close()? && main)
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        self.main.checkpoint(event)?;
        self.sides.each(|side| side.checkpoint(event))
    }
}
