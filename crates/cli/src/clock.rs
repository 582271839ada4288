//! The clock of the command, for deadlines and pauses.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "this is the command's one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
