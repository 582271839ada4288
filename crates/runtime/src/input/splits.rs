use flott_core::{FailureCause, deployment::SplitAnswer};

/// A source's way to the JobMaster's queue of splits.
pub trait SplitProvider: Send {
    /// Asks for the next split. The subtask's signal is given when the answer has come.
    fn request(&mut self);

    /// Takes the answer to the last request, once.
    fn take_answer(&mut self) -> Option<SplitAnswer>;

    /// Number of the last request whose answer was taken, from 1; 0 for none. By it a checkpoint tells the splits that this
    /// subtask has from those that are still to come.
    fn last_answered(&self) -> u64;

    /// Number of the last report, from 1; 0 for none.
    fn last_report(&self) -> u64;

    /// Reports splits that were found since the last report, or why they can't be found, which fails the job. The
    /// subtask that was told to enumerate may report as often as it likes. With the `complete` report the source's splits
    /// are all there: who asks when they have been handed out is told so, while before that he waits. Nothing is reported
    /// after it.
    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool);
}
