//! The subtask that was told to looks for its source's splits, once or again and again.

use std::time::Instant;

use flott_core::{FailureCause, FailureKind};
use serde::Serialize;

use crate::{
    BoxError, Discovery, Result, RuntimeContext, SplitEnumerator, TaskEnd, counters::now,
    input::SplitProvider, operators::author_failure,
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

    /// What a later enumerator needs to go on from here.
    pub(super) fn snapshot(&self) -> std::result::Result<Vec<u8>, BoxError> {
        self.enumerator.snapshot()
    }

    /// Looks if it is time to, and reports what was found. Returns whether there may be more later.
    pub(super) fn discover(
        &mut self,
        context: &RuntimeContext,
        splits: &mut dyn SplitProvider,
    ) -> Result<bool> {
        let time = now();
        if time < self.due {
            return Ok(true);
        }
        match self.look() {
            Ok(Discovery { splits: found, again_in }) => {
                if !found.is_empty() || again_in.is_none() {
                    splits.report(Ok(found), again_in.is_none());
                }
                match again_in {
                    Some(pause) => self.due = time + pause,
                    None => return Ok(false),
                }
                Ok(true)
            }
            Err(error) => {
                let end = author_failure(context, error);
                report_failure(splits, &end);
                Err(end)
            }
        }
    }

    /// The new splits as bytes.
    fn look(&mut self) -> std::result::Result<Discovery<Vec<u8>>, BoxError> {
        let Discovery { splits, again_in } = self.enumerator.discover()?;
        let splits = splits.iter().map(postcard::to_stdvec).collect::<std::result::Result<_, _>>()?;
        Ok(Discovery { splits, again_in })
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
