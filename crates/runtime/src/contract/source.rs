use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};

use super::BoxError;
use crate::{Batch, Record, RuntimeContext};

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
/// One subtask enumerates the splits; they wait in the JobManager, as bytes that it does not understand. A checkpoint
/// contains the splits that nobody has read yet, how far the enumerator has come
/// ([`SplitEnumerator::snapshot`]), and how far each reader has come in its split
/// ([`SourceReader::snapshot`]): so after a failure each record is read again that is not in the checkpoint, and no other.
pub trait Source: Send + Sync + 'static {
    /// What it produces.
    type Record: Record;
    /// A part of the input that has still to be read: a byte range of a file, say. It is stored in checkpoints and
    /// savepoints, so a later version of the program must be able to read it.
    type Split: Serialize + DeserializeOwned + Send;
    /// Reads splits.
    type Reader: SourceReader<Record = Self::Record, Split = Self::Split>;

    /// Whether it ends.
    fn boundedness(&self) -> Boundedness;

    /// Makes what finds the splits, on one subtask. With `resume`, what [`SplitEnumerator::snapshot`] gave for the checkpoint
    /// from which the job goes on: splits found before that are not to be found again.
    ///
    /// # Errors
    /// If the input can't be listed, or `resume` can't be understood; the job fails with it.
    fn enumerator(
        &self,
        context: &RuntimeContext,
        resume: Option<&[u8]>,
    ) -> Result<Box<dyn SplitEnumerator<Self::Split>>, BoxError>;

    /// The `part`th of `parts` parts of what is left of a split, from 0. Asked of each subtask for its part, when a job goes on
    /// with more subtasks than were reading splits. By default the first gets it whole and the others nothing, so that they
    /// look for splits that nobody has begun.
    fn divide(&self, split: Self::Split, part: u32, parts: u32) -> Option<Self::Split> {
        let _ = parts;
        (part == 0).then_some(split)
    }

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

    /// What it needs to go on from here, and not to find again what it has found. Nothing, by default, which is right for
    /// one that finds all splits at once: it is never asked to go on.
    ///
    /// # Errors
    /// If that can't be told; the job fails with it.
    fn snapshot(&self) -> Result<Vec<u8>, BoxError> {
        Ok(Vec::new())
    }
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

    /// Begins a split, or goes on with one that [`snapshot`](Self::snapshot) gave, maybe in another process. Called when
    /// there is none or the last one has ended.
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

    /// The split that is being read, as it has to be started to go on exactly behind the last record that was handed out;
    /// `None` if there is none. Called between two reads, when a checkpoint is taken; reading goes on after it.
    ///
    /// # Errors
    /// If the position can't be told; the job fails with it.
    fn snapshot(&mut self) -> Result<Option<Self::Split>, BoxError>;

    /// How many records there are that it could read and has not, for the metrics; `None` if that is not known. Of a split in
    /// a queue, for example, what is in the queue.
    fn pending_records(&self) -> Option<u64> {
        None
    }

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
