//! Waiting for what other processes do.

use std::{thread, time::Duration};

use crate::now;

/// How long anything may take before a test fails. Far more than it takes on an idle machine, since a test must not fail
/// because others run beside it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a failure must be visible to users.
pub const PROMPT: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, ask)
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within `limit`.
#[track_caller]
pub fn eventually_within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < deadline, "not within {} s: {what}", limit.as_secs_f64());
        thread::sleep(PAUSE);
    }
}
