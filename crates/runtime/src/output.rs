//! What an operator hands its records to.

mod downstream;
mod side;

use std::any::Any;

use flott_core::time::Timestamp;

pub use downstream::Downstream;
pub use side::{AnySide, OutputTag, Side, SideOutputs, WithSides};

use crate::{Batch, CheckpointEvent, Mark, Record, Result};

/// The receiving side of the next operator in the chain, or of the channels behind it.
pub trait Output<T>: Send {
    /// Takes the records out of `batch`, leaving it empty with its memory, for the next batch.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()>;

    /// Takes what stands behind the records before. An operator emits what a watermark brings about, then hands the
    /// watermark on. At the end of the input the watermark is [`Timestamp::MAX`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn mark(&mut self, mark: Mark) -> Result<()>;

    /// Does what is due at `now` in processing time. Called for the whole chain when a time has come that was asked for
    /// with [`ProcessingClock::wake_at`](crate::ProcessingClock::wake_at). In batch mode the last call, at the end of
    /// the input, says [`Timestamp::MAX`].
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn on_processing_time(&mut self, now: Timestamp) -> Result<()>;

    /// Emits what depends on the end of the input, after which nothing is emitted any more.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn end(&mut self) -> Result<()>;

    /// Sends on what the chain's end holds back: batches for which there was no credit and, with
    /// [`Flush::All`], partial batches too.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn flush(&mut self, flush: Flush) -> Result<()>;

    /// Takes part in a checkpoint: does for its own state what `event` says, then hands the event on, so that the barrier
    /// leaves the chain when all of it has been seen to.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()>;

    /// Tells all consumers that nothing more comes. Called again until it returns `true`; all batches were sent
    /// before.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn close(&mut self) -> Result<bool>;
}

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Only what is overdue: full batches that had to wait.
    Held,
    /// Partial batches as well.
    All,
}

/// An output behind a pointer: one virtual call a batch.
pub type BoxOutput<T> = Box<dyn Output<T>>;

impl<T> Output<T> for BoxOutput<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        (**self).emit(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        (**self).mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        (**self).on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        (**self).end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        (**self).flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        (**self).close()
    }

    fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        (**self).checkpoint(event)
    }
}

/// A [`BoxOutput`] whose record type the graph does not know.
pub struct AnyOutput(Box<dyn Any + Send>);

impl AnyOutput {
    /// Forgets the record type.
    pub fn new<T: 'static>(output: BoxOutput<T>) -> Self {
        Self(Box::new(output))
    }

    /// Remembers the record type.
    ///
    /// # Panics
    /// If it is another one. The typed API connects only equal types, so this would be a bug of ours.
    pub fn downcast<T: 'static>(self) -> BoxOutput<T> {
        *self.0.downcast::<BoxOutput<T>>().unwrap_or_else(|_| {
            panic!("an output of another type than {} was connected", std::any::type_name::<T>())
        })
    }
}

/// Hands each record to several outputs.
pub struct Tee<T> {
    outputs: Vec<BoxOutput<T>>,
    copy: Batch<T>,
}

impl<T: Record> Tee<T> {
    /// Over these outputs.
    pub fn new(outputs: Vec<BoxOutput<T>>) -> Self {
        Self { outputs, copy: Batch::new() }
    }
}

impl<T: Record> Output<T> for Tee<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let Some((last, others)) = self.outputs.split_last_mut() else {
            batch.clear();
            return Ok(());
        };
        for output in others {
            self.copy.copy_from(batch);
            output.emit(&mut self.copy)?;
        }
        last.emit(batch)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.mark(mark))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.on_processing_time(now))
    }

    fn end(&mut self) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.end())
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.flush(flush))
    }

    fn close(&mut self) -> Result<bool> {
        let mut closed = true;
        for output in &mut self.outputs {
            closed &= output.close()?;
        }
        Ok(closed)
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.checkpoint(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Collected, Event};

    #[test]
    fn a_tee_hands_everything_to_each_output() {
        let outputs = [Collected::default(), Collected::default(), Collected::default()];
        let mut tee =
            Tee::new(outputs.iter().map(|output| Box::new(output.clone()) as BoxOutput<u64>).collect());
        let mut batch = Batch::from(vec![1, 2]);
        tee.emit(&mut batch).unwrap();
        assert!(batch.is_empty());
        tee.mark(Mark::Idle).unwrap();
        tee.emit(&mut vec![3].into()).unwrap();
        tee.end().unwrap();
        tee.flush(Flush::All).unwrap();
        assert!(tee.close().unwrap());
        for output in outputs {
            let expected = [
                Event::Batch(vec![1u64, 2].into()),
                Event::Mark(Mark::Idle),
                Event::Batch(vec![3].into()),
                Event::End,
                Event::Flush(Flush::All),
                Event::Close,
            ];
            assert_eq!(output.events(), expected);
        }
    }

    #[test]
    fn a_tee_without_outputs_drops_its_records() {
        let mut tee = Tee::<u64>::new(Vec::new());
        let mut batch = vec![1].into();
        tee.emit(&mut batch).unwrap();
        assert!(batch.is_empty() && tee.close().unwrap());
    }
}
