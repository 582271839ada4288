use std::time::Duration;

use flott_core::{CheckpointId, time::Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::BoxError;
use crate::{Batch, RuntimeContext};

/// Where records go to.
///
/// A simple sink has a writer only, whose [`Committable`](SinkWriter::Committable) is [`NoCommittable`]: what it writes is
/// seen at once, and after a failure the records behind the last checkpoint are written again (at least once).
///
/// For exactly once output is committed in two phases. At a checkpoint's barrier the writer
/// [prepares](SinkWriter::prepare_commit) what it has written: stores it safely, but so that nobody sees it. What it takes to
/// make it visible, the *committables*, become part of the checkpoint. When the checkpoint is complete the
/// [committer](Committer) commits them. If the job fails before it could, it goes on from that checkpoint and commits them then, before the
/// first record is written.
pub trait Sink<T>: Send + Sync + 'static {
    /// Writes records.
    type Writer: SinkWriter<T>;

    /// Makes the writer of one subtask. `restored` is what writers gave as their [state](SinkWriter::snapshot) for the
    /// checkpoint from which the job goes on: nothing if there is none, else this subtask's share, which with another
    /// parallelism may be that of none or of several writers. What the checkpoint has to commit that this subtask is to commit is committed
    /// already, but other subtasks may still be about to commit theirs.
    ///
    /// # Errors
    /// If the sink can't be opened; the job fails with it.
    fn writer(
        &self,
        context: &RuntimeContext,
        restored: Vec<<Self::Writer as SinkWriter<T>>::State>,
    ) -> Result<Self::Writer, BoxError>;

    /// Makes the committer of one subtask; called before [`writer`](Self::writer). `None`, the default, is right for sinks without committables.
    ///
    /// # Errors
    /// If it can't be made; the job fails with it.
    #[expect(clippy::type_complexity, reason = "it names what every sink's is made of")]
    fn committer(
        &self,
        context: &RuntimeContext,
    ) -> Result<Option<BoxCommitter<<Self::Writer as SinkWriter<T>>::Committable>>, BoxError> {
        let _ = context;
        Ok(None)
    }
}

/// A committer behind a pointer.
pub type BoxCommitter<C> = Box<dyn Committer<C>>;

/// The committable of sinks that have nothing to commit: there is no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoCommittable {}

/// Writes the records of one subtask.
pub trait SinkWriter<T>: Send {
    /// What it takes to make visible something that was written: the names of a file, the id of a transaction. It is stored in
    /// checkpoints and savepoints, so a later version of the program must be able to read it. [`NoCommittable`] for
    /// simple sinks.
    type Committable: Serialize + DeserializeOwned + Send + 'static;
    /// What a writer needs to go on where one before it has been at a checkpoint; `()` for simple sinks.
    type State: Serialize + DeserializeOwned + Send + 'static;

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

    /// Makes visible what was written, unless that waits to be committed. Called when the input pauses, and before each
    /// checkpoint.
    ///
    /// # Errors
    /// If it can't be written; the job fails with it.
    fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Completes the output at the end of the input. Nothing is written after it, but what is to be committed is still
    /// asked for.
    ///
    /// # Errors
    /// If it can't be completed; the job fails with it.
    fn finish(&mut self) -> Result<(), BoxError> {
        self.flush()
    }

    /// Bytes written so far, for the metrics; 0 if that means nothing here.
    fn bytes_written(&self) -> u64 {
        0
    }

    /// Prepares what was written since the last time, and gives what it takes to commit it. After it, what was written survives
    /// a crash of this process and of this machine, and nothing but the commit is missing. Called at the barrier of each
    /// checkpoint, before [`snapshot`](Self::snapshot), and after [`finish`](Self::finish).
    ///
    /// # Errors
    /// If it can't be prepared; the job fails with it.
    fn prepare_commit(&mut self) -> Result<Vec<Self::Committable>, BoxError> {
        Ok(Vec::new())
    }

    /// What a writer needs to go on from here, for checkpoint `id`. With another parallelism the elements of all writers are
    /// distributed over the new ones. Nothing, by default.
    ///
    /// # Errors
    /// If that can't be told; the job fails with it.
    fn snapshot(&mut self, id: CheckpointId) -> Result<Vec<Self::State>, BoxError> {
        let _ = id;
        Ok(Vec::new())
    }
}

/// Makes visible what writers have prepared, when the checkpoint that contains it is complete.
///
/// The same committable may come again, in this process or, after a failure, in another one: then it must be left as it
/// is. What can't be found, what can't be reached and what is committed already are three different things: only the last
/// is success.
pub trait Committer<C>: Send {
    /// Commits, in the order in which they were prepared. Must not take long: no records are processed meanwhile.
    ///
    /// # Errors
    /// If it is impossible, or nobody can tell whether it was done; the job fails with it.
    fn commit(&mut self, committables: Vec<C>) -> Result<CommitOutcome<C>, BoxError>;

    /// Learns that a savepoint contains these, which are not committed yet. The job goes on, and may commit them, or fail and
    /// write the same again: they must still be there for whoever starts from the savepoint.
    ///
    /// # Errors
    /// If that can't be had; the job fails with it.
    fn retain(&mut self, committables: &[&C]) -> Result<(), BoxError> {
        let _ = committables;
        Ok(())
    }
}

/// How a commit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome<C> {
    /// All is visible.
    Done,
    /// Some of it is to be tried again later.
    Retry {
        /// What is not committed.
        remaining: Vec<C>,
        /// How long to wait.
        after: Duration,
    },
}
