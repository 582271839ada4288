//! Whether the JobManager answers while something is followed for long.

use std::time::{Duration, Instant};

use flott_client::{Error, RetryAdvice};

use crate::{
    clock,
    failure::{Failure, chain},
};

/// Keeps count of for how long the JobManager has not answered: it may be starting again.
pub(super) struct Contact {
    /// What is done, such as `follow job …`.
    doing: String,
    /// What may be so nevertheless, such as `which may still run`.
    nevertheless: &'static str,
    patience: Duration,
    lost_since: Option<Instant>,
}

impl Contact {
    pub(super) fn new(doing: String, nevertheless: &'static str, patience: Duration) -> Self {
        Self { doing, nevertheless, patience, lost_since: None }
    }

    /// It has answered.
    pub(super) fn regained(&mut self, say: impl Fn(&str)) {
        if self.lost_since.take().is_some() {
            say("The JobManager answers again.");
        }
    }

    /// It has not; an error if there is no point in trying again.
    pub(super) fn lost(&mut self, error: Error, say: impl Fn(&str)) -> Result<(), Failure> {
        let Self { doing, nevertheless, .. } = self;
        if error.retry() == RetryAdvice::Never {
            return Err(Failure::failed(format!("Cannot {doing}: {}", chain(&error))));
        }
        let Some(since) = self.lost_since else {
            let patience = self.patience.as_secs();
            say(&format!(
                "The JobManager does not answer ({}); trying again for {patience} s.",
                chain(&error)
            ));
            self.lost_since = Some(clock::now());
            return Ok(());
        };
        if clock::now().saturating_duration_since(since) < self.patience {
            return Ok(());
        }
        Err(Failure::failed(format!("Cannot {doing}, {nevertheless}: {}", chain(&error))))
    }
}
