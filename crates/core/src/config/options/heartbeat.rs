//! Options of how a lost process is noticed when its connection does not break.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How often JobManager and TaskManagers tell each other that they live. Shorter notices a frozen machine earlier
    /// and costs more messages.
    INTERVAL: Duration = "heartbeat.interval", default "3 s",
        limit "a duration of at least 10 ms, such as 3 s" => |interval| *interval >= Duration::from_millis(10);
    /// After how long without a heartbeat a peer counts as dead. Must be longer than `heartbeat.interval`; raise it if
    /// machines stall under load. A process that ends is noticed at once, by its broken connection.
    TIMEOUT: Duration = "heartbeat.timeout", default "15 s";
}
