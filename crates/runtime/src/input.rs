//! Where the records of a subtask come from.

mod combined_watermark;
mod gate;
mod manual;
mod source;
mod splits;
mod two_gates;
mod watermarks;

use std::time::Instant;

use flott_core::time::Timestamp;

pub use gate::GateInput;
pub use manual::{ManualFeed, ManualInput};
pub use source::SourceInput;
pub use splits::SplitProvider;
pub use two_gates::{TwoGatesInput, TwoInputs};
pub use watermarks::WatermarkMerger;

use crate::{Result, output::Flush};

/// The input of a subtask together with the chain that it feeds.
pub trait TaskInput: Send {
    /// Processes at most one batch.
    ///
    /// # Errors
    /// Whatever ends the subtask.
    fn step(&mut self) -> Result<Step>;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Processed a batch; there may be more.
    Worked,
    /// There is nothing to do until the subtask's signal is given or this time comes.
    Idle(Option<Instant>),
    /// The input has ended.
    Ended,
}

/// Hands what concerns the chain as a whole to `self.head`.
macro_rules! drive_head {
    () => {
        fn on_processing_time(&mut self, now: Timestamp) -> crate::Result<()> {
            self.head.on_processing_time(now)
        }

        fn end(&mut self) -> crate::Result<()> {
            self.head.end()
        }

        fn flush(&mut self, flush: crate::output::Flush) -> crate::Result<()> {
            self.head.flush(flush)
        }

        fn close(&mut self) -> crate::Result<bool> {
            self.head.close()
        }
    };
}
pub(crate) use drive_head;
