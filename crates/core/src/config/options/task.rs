//! Options of tasks.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How long tasks may take to stop when their job is canceled or fails, before their process is killed.
    CANCELLATION_TIMEOUT: Duration = "task.cancellation.timeout", default "30 s";
}
