use flott_core::{FailureCause, deployment::SplitAnswer};

/// A source's way to the JobMaster's queue of splits.
pub trait SplitProvider: Send {
    /// Asks for the next split. The subtask's signal is given when the answer has come.
    fn request(&mut self);

    /// Takes the answer to the last request, once.
    fn take_answer(&mut self) -> Option<SplitAnswer>;

    /// Reports splits that were found since the last report, or why they can't be found, which fails the job. The
    /// subtask that was told to enumerate may report as often as it likes. With the `complete` report the source's splits
    /// are all there: who asks when they have been handed out is told so, while before that he waits. Nothing is reported
    /// after it.
    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool);
}
