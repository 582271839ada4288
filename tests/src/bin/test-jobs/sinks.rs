//! Sinks of the test jobs.

use std::{fs, path::PathBuf, thread, time::Duration};

use flott::{Batch, BoxError, NoCommittable, RuntimeContext, Sink, SinkWriter};

/// Forgets its records.
pub(crate) struct Discard;

pub(crate) struct DiscardWriter;

impl<T: 'static> Sink<T> for Discard {
    type Writer = DiscardWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<DiscardWriter, BoxError> {
        Ok(DiscardWriter)
    }
}

impl<T> SinkWriter<T> for DiscardWriter {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        batch.clear();
        Ok(())
    }
}

/// Pauses after each so many records, and at the end writes to `OUTPUT/subtask-N` how many there were.
pub(crate) struct Pausing {
    pub(crate) output: PathBuf,
    pub(crate) every: u64,
    pub(crate) pause: Duration,
}

pub(crate) struct PausingWriter {
    file: PathBuf,
    every: u64,
    pause: Duration,
    records: u64,
}

impl<T: 'static> Sink<T> for Pausing {
    type Writer = PausingWriter;

    fn writer(&self, context: &RuntimeContext, _: Vec<()>) -> Result<PausingWriter, BoxError> {
        fs::create_dir_all(&self.output)?;
        let file = self.output.join(format!("subtask-{}", context.task.subtask));
        Ok(PausingWriter { file, every: self.every, pause: self.pause, records: 0 })
    }
}

impl<T> SinkWriter<T> for PausingWriter {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        for _ in batch.records.drain(..) {
            self.records += 1;
            if self.records.is_multiple_of(self.every) {
                thread::sleep(self.pause);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        fs::write(&self.file, self.records.to_string())?;
        Ok(())
    }
}

/// Takes so many records and then says that it has no room.
pub(crate) struct Refusing {
    pub(crate) capacity: u64,
}

pub(crate) struct RefusingWriter {
    room: u64,
}

impl<T: 'static> Sink<T> for Refusing {
    type Writer = RefusingWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<RefusingWriter, BoxError> {
        Ok(RefusingWriter { room: self.capacity })
    }
}

impl<T> SinkWriter<T> for RefusingWriter {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        self.room = self.room.checked_sub(batch.len() as u64).ok_or("the shelf is full")?;
        batch.clear();
        Ok(())
    }
}
