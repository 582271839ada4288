//! What authors of sources and sinks implement.

use std::time::{Duration, Instant};

use flott_core::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Batch, Record, RuntimeContext};

/// An error of a source, a sink or a function: any error will do.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Whether a source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundedness {
    /// It ends after a known set of splits.
    Bounded,
    /// It may go on for ever.
    Unbounded,
}

/// Where records come from. A source is cut into splits, which subtasks ask for one by one, so that a fast subtask
/// reads more of them.
///
/// One subtask enumerates the splits; they wait in the JobManager, as bytes that it does not understand.
pub trait Source: Send + Sync + 'static {
    /// What it produces.
    type Record: Record;
    /// A part of the input: a byte range of a file, say.
    type Split: Serialize + DeserializeOwned + Send;
    /// Reads splits.
    type Reader: SourceReader<Record = Self::Record, Split = Self::Split>;

    /// Whether it ends.
    fn boundedness(&self) -> Boundedness;

    /// Makes what finds the splits. Called once a job, on one subtask.
    ///
    /// # Errors
    /// If the input can't be listed; the job fails with it.
    fn enumerator(&self, context: &RuntimeContext)
    -> Result<Box<dyn SplitEnumerator<Self::Split>>, BoxError>;

    /// Makes the reader of one subtask.
    ///
    /// # Errors
    /// If it can't be made; the job fails with it.
    fn reader(&self, context: &RuntimeContext) -> Result<Self::Reader, BoxError>;
}

/// Finds the splits of a source.
pub trait SplitEnumerator<S>: Send {
    /// Looks for splits that were not found before. Called at once, then as often as its results ask for.
    ///
    /// # Errors
    /// If the input can't be listed; the job fails with it.
    fn discover(&mut self) -> Result<Discovery<S>, BoxError>;
}

/// What a look for splits has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery<S> {
    /// The new splits, in the order in which they are to be read.
    pub splits: Vec<S>,
    /// When to look again; `None` if there will be no more.
    pub again_in: Option<Duration>,
}

/// The enumerator of a source whose splits are known from the start.
pub fn all_splits<S: Send + 'static>(splits: Vec<S>) -> Box<dyn SplitEnumerator<S>> {
    struct Known<S>(Vec<S>);

    impl<S: Send> SplitEnumerator<S> for Known<S> {
        fn discover(&mut self) -> Result<Discovery<S>, BoxError> {
            Ok(Discovery { splits: std::mem::take(&mut self.0), again_in: None })
        }
    }
    Box::new(Known(splits))
}

/// Reads the splits of one subtask, one after the other.
pub trait SourceReader: Send {
    /// What it produces.
    type Record;
    /// What it reads.
    type Split;

    /// Goes to the start of a split. Called when there is none or the last one has ended.
    ///
    /// # Errors
    /// If the split can't be opened; the job fails with it.
    fn start(&mut self, split: Self::Split) -> Result<(), BoxError>;

    /// Appends about a batch of records to `batch`, with timestamps if they have any. Must not wait for input that is
    /// not there yet.
    ///
    /// # Errors
    /// If the split can't be read; the job fails with it.
    fn read(&mut self, batch: &mut Batch<Self::Record>) -> Result<ReadStatus, BoxError>;

    /// Bytes read so far, for the metrics; 0 if that means nothing here.
    fn bytes_read(&self) -> u64 {
        0
    }
}

/// How a split goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStatus {
    /// There is more.
    More,
    /// There is nothing before this time.
    WaitUntil(Instant),
    /// There is nothing until [`Waker::wake`](crate::Waker::wake) was called.
    Waiting,
    /// The split has been read to its end.
    SplitEnded,
}

/// Where records go to.
pub trait Sink<T>: Send + Sync + 'static {
    /// Writes records.
    type Writer: SinkWriter<T>;

    /// Makes the writer of one subtask.
    ///
    /// # Errors
    /// If the sink can't be opened; the job fails with it.
    fn writer(&self, context: &RuntimeContext) -> Result<Self::Writer, BoxError>;
}

/// Writes the records of one subtask.
pub trait SinkWriter<T>: Send {
    /// Writes the records and leaves `batch` empty.
    ///
    /// # Errors
    /// If they can't be written; the job fails with it.
    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError>;

    /// Learns how far event time has come.
    ///
    /// # Errors
    /// If what is due then fails; the job fails with it.
    fn on_watermark(&mut self, watermark: Timestamp) -> Result<(), BoxError> {
        let _ = watermark;
        Ok(())
    }

    /// Does what is due at this processing time, which was asked for with
    /// [`ProcessingClock::wake_at`](crate::ProcessingClock::wake_at).
    ///
    /// # Errors
    /// If what is due then fails; the job fails with it.
    fn on_processing_time(&mut self, now: Timestamp) -> Result<(), BoxError> {
        let _ = now;
        Ok(())
    }

    /// Makes visible what was written. Called when the input pauses.
    ///
    /// # Errors
    /// If it can't be written; the job fails with it.
    fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Completes the output at the end of the input. Nothing is called after it.
    ///
    /// # Errors
    /// If it can't be completed; the job fails with it.
    fn finish(&mut self) -> Result<(), BoxError> {
        self.flush()
    }
}
