//! The clocks: one that only goes forward, also while the machine sleeps, and the one on the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flott_core::MonoTime;
use nix::time::{ClockId, clock_gettime};

/// Time since the machine was started. Leases run on elsewhere while this machine sleeps, so that counts.
pub(crate) fn now() -> MonoTime {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    // It exists on every Linux since 2.6.39, and reading it can't fail then.
    MonoTime::ZERO + time.unwrap_or_default()
}

/// Milliseconds since 1970 by the wall clock.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
