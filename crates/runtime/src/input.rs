//! Where the records of a subtask come from.

mod barrier_alignment;
mod barriers;
mod combined_watermark;
mod gate;
mod manual;
mod source;
mod splits;
mod two_gates;
mod watermarks;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{checkpoint::Barrier, time::Timestamp};

pub use gate::GateInput;
pub use manual::{ManualFeed, ManualInput};
pub use source::SourceInput;
pub use splits::SplitProvider;
pub use two_gates::{TwoGatesInput, TwoInputs};
pub use watermarks::WatermarkMerger;

use crate::{CheckpointEvent, Result, output::Flush};

/// The input of a subtask together with the chain that it feeds.
pub trait TaskInput: Send {
    /// Processes at most one batch.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn step(&mut self) -> Result<Step>;

    /// Begins a checkpoint here, since no barrier will come through the channels: those who would send it have finished, or
    /// this is a source. A later step returns the barrier.
    fn trigger(&mut self, barrier: Arc<Barrier>);

    /// Returns a barrier that need not wait until the subtask can take input again. Asked when it can't.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn urgent_barrier(&mut self) -> Result<Option<Step>> {
        Ok(None)
    }

    /// When [`step`](Self::step), or [`urgent_barrier`](Self::urgent_barrier) if no input can be taken, is to be called even
    /// if nothing comes: barriers have then waited for each other long enough.
    fn alignment_due(&self) -> Option<Instant> {
        None
    }

    /// As [`Output::checkpoint`](crate::Output::checkpoint), for the input's own state and then the chain.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()>;

    /// Lets time go on from where it was in the checkpoint from which the subtask was restored. Called before the first
    /// step.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn restore_watermark(&mut self, watermark: Timestamp) -> Result<()>;

    /// As [`Output::on_processing_time`](crate::Output::on_processing_time), for the chain.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn on_processing_time(&mut self, now: Timestamp) -> Result<()>;

    /// As [`Output::end`](crate::Output::end), for the chain.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn end(&mut self) -> Result<()>;

    /// As [`Output::flush`](crate::Output::flush), for the chain.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn flush(&mut self, flush: Flush) -> Result<()>;

    /// As [`Output::close`](crate::Output::close), for the chain.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn close(&mut self) -> Result<bool>;
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Processed a batch; there may be more.
    Worked,
    /// There is nothing to do until the subtask's signal is given or this time comes.
    Idle(Option<Instant>),
    /// This barrier has come in all channels: the state as it is now belongs to its checkpoint.
    Barrier(Arc<Barrier>, AlignmentStats),
    /// The input has ended.
    Ended,
}

/// How the channels waited for a barrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlignmentStats {
    /// From the first barrier to the last.
    pub duration: Duration,
    /// Bytes that were processed meanwhile.
    pub processed: u64,
    /// Whether it has overtaken any.
    pub unaligned: bool,
}

/// Hands what concerns the chain as a whole to `self.head`.
macro_rules! drive_head {
    () => {
        fn end(&mut self) -> crate::Result<()> {
            self.head.end()
        }

        fn flush(&mut self, flush: crate::output::Flush) -> crate::Result<()> {
            self.head.flush(flush)
        }

        fn close(&mut self) -> crate::Result<bool> {
            self.head.close()
        }

        fn restore_watermark(&mut self, watermark: Timestamp) -> crate::Result<()> {
            self.head.mark(crate::Mark::Watermark(watermark))
        }
    };
}
pub(crate) use drive_head;
