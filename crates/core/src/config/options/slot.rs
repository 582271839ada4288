//! Options of slot allocation.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How long a job waits for enough free slots before it fails. Raise it where TaskManagers join late.
    REQUEST_TIMEOUT: Duration = "slot.request.timeout", default "5 min",
        limit "a duration of more than 0, such as 5 min" => |timeout| !timeout.is_zero();
}
