use std::time::Instant;

/// The time, for deadlines and for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "these tests watch real processes in real time")]
pub fn now() -> Instant {
    Instant::now()
}
