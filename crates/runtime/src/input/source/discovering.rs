//! The subtask that was told to looks for its source's splits, once or again and again.

use std::time::Instant;

use flott_core::{FailureCause, FailureKind};
use serde::Serialize;

use crate::{
    BoxError, OperatorContext, Result, SplitEnumerator, TaskEnd, counters::now, input::SplitProvider,
    operators::sink_failure as contract_failure,
};

/// A look for splits that may have to be repeated.
pub(super) struct Discovering<S> {
    enumerator: Box<dyn SplitEnumerator<S>>,
    due: Instant,
}

impl<S: Serialize> Discovering<S> {
    pub(super) fn new(enumerator: Box<dyn SplitEnumerator<S>>) -> Self {
        Self { enumerator, due: now() }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Looks if it is time to, and reports what was found. Returns whether there may be more later.
    pub(super) fn discover(
        &mut self,
        context: &OperatorContext,
        splits: &mut dyn SplitProvider,
    ) -> Result<bool> {
        let time = now();
        if time < self.due {
            return Ok(true);
        }
        match self.look() {
            Ok((found, again)) => {
                if !found.is_empty() || again.is_none() {
                    splits.report(Ok(found), again.is_none());
                }
                match again {
                    Some(pause) => self.due = time + pause,
                    None => return Ok(false),
                }
                Ok(true)
            }
            Err(error) => {
                let end = contract_failure(context, error);
                report_failure(splits, &end);
                Err(end)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "the splits as bytes, and the pause")]
    fn look(&mut self) -> std::result::Result<(Vec<Vec<u8>>, Option<std::time::Duration>), BoxError> {
        let found = self.enumerator.discover()?;
        let splits = found.splits.iter().map(postcard::to_stdvec).collect::<std::result::Result<_, _>>()?;
        Ok((splits, found.again_in))
    }
}

/// Tells the JobMaster that there will be no splits.
pub(super) fn report_failure(splits: &mut dyn SplitProvider, end: &TaskEnd) {
    let cause = match end {
        TaskEnd::Failed(cause) => (**cause).clone(),
        TaskEnd::Canceled => FailureCause::new(FailureKind::Internal, "canceled while listing splits"),
    };
    splits.report(Err(cause), true);
}
