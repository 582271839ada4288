//! What an operator hands its records to.

use std::any::Any;

use crate::{Record, Result};

/// The receiving side of the next operator in the chain, or of the channels behind it.
pub trait Output<T>: Send {
    /// Takes the records out of `batch`, leaving it empty with its memory, for the next batch.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn emit(&mut self, batch: &mut Vec<T>) -> Result<()>;

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
    copy: Vec<T>,
}

impl<T: Record> Tee<T> {
    /// Over these outputs.
    pub fn new(outputs: Vec<BoxOutput<T>>) -> Self {
        Self { outputs, copy: Vec::new() }
    }
}

impl<T: Record> Output<T> for Tee<T> {
    fn emit(&mut self, batch: &mut Vec<T>) -> Result<()> {
        let Some((last, others)) = self.outputs.split_last_mut() else {
            batch.clear();
            return Ok(());
        };
        for output in others {
            self.copy.clone_from(batch);
            output.emit(&mut self.copy)?;
        }
        last.emit(batch)
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
        let mut batch = vec![1, 2];
        tee.emit(&mut batch).unwrap();
        assert!(batch.is_empty());
        tee.emit(&mut vec![3]).unwrap();
        tee.end().unwrap();
        tee.flush(Flush::All).unwrap();
        assert!(tee.close().unwrap());
        for output in outputs {
            let expected = [
                Event::Batch(vec![1u64, 2]),
                Event::Batch(vec![3]),
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
        let mut batch = vec![1];
        tee.emit(&mut batch).unwrap();
        assert!(batch.is_empty() && tee.close().unwrap());
    }
}
