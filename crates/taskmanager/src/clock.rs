//! The only place that reads a clock.

use std::{
    future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flott_core::MonoTime;
use tokio::time::{Instant, sleep_until};

/// The monotonic time that the machine is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn new() -> Self {
        Self { start: now() }
    }

    /// The time since the clock's start.
    pub(crate) fn now(self) -> MonoTime {
        MonoTime::ZERO + (now() - self.start)
    }

    /// Sleeps until `time`; for ever if there is none.
    pub(crate) async fn sleep_until(self, time: Option<MonoTime>) {
        match time {
            Some(time) => sleep_until(self.start + time.since(MonoTime::ZERO)).await,
            None => future::pending().await,
        }
    }
}

/// A point in time to count timeouts from.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the shell")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Sleeps until `deadline`; for ever if there is none.
pub(crate) async fn sleep_until_deadline(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => future::pending().await,
    }
}

/// The wall clock, for people and for what must rise over restarts of the process.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
