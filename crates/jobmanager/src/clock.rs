//! The two clocks: one that only goes forward, for the machines, and the one on the wall, for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flott_core::MonoTime;
use tokio::time::Instant;

/// Milliseconds since 1970 by the wall clock.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Tells the machines the time and translates theirs to the wall's. All actors of a process share one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_unix_ms: i64,
}

impl Clock {
    /// A clock that starts now.
    #[allow(clippy::disallowed_methods, reason = "this is the component's clock")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), start_unix_ms: unix_ms() }
    }

    /// The time for the machines.
    pub(crate) fn now(self) -> MonoTime {
        MonoTime::ZERO + self.start.elapsed()
    }

    /// What the wall clock showed at `time`, in Unix milliseconds, had nobody set it since our start. Differences of
    /// such times are true durations even if somebody has.
    pub(crate) fn to_unix_ms(self, time: MonoTime) -> i64 {
        let since_start = i64::try_from(time.as_micros() / 1_000).unwrap_or(i64::MAX);
        self.start_unix_ms.saturating_add(since_start)
    }

    /// Waits until `time` has come; forever if there is none.
    pub(crate) async fn sleep_until(self, time: Option<MonoTime>) {
        match time {
            Some(time) => {
                let until = self.start + Duration::from_micros(time.as_micros());
                tokio::time::sleep_until(until).await;
            }
            None => std::future::pending().await,
        }
    }
}
