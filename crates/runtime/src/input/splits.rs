use flott_core::{FailureCause, deployment::SplitAnswer};

/// A source's way to the JobMaster's queue of splits.
pub trait SplitProvider: Send {
    /// Asks for the next split. The subtask's signal is given when the answer has come.
    fn request(&mut self);

    /// Takes the answer to the last request, once.
    fn take_answer(&mut self) -> Option<SplitAnswer>;

    /// Reports the enumerated splits, or why there are none.
    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>);
}
