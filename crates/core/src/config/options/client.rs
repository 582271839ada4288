//! Options of the command line client.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How long `flott` waits for the answer to one request. Raise it for uploads over a slow network.
    TIMEOUT: Duration = "client.timeout", default "1 min", older ["akka.client.timeout"],
        limit "a duration of more than 0, such as 1 min" => |timeout| !timeout.is_zero();
    /// How often a client that is tied to its job tells that it is there. Keep it well below `client.heartbeat.timeout`.
    HEARTBEAT_INTERVAL: Duration = "client.heartbeat.interval", default "30 s",
        limit "a duration of more than 0, such as 30 s" => |interval| !interval.is_zero();
    /// For how long a client that is tied to its job (`execution.shutdown-on-attached-exit`) may not be heard of before the
    /// job is canceled. Raise it if clients sit behind a network that fails for longer.
    HEARTBEAT_TIMEOUT: Duration = "client.heartbeat.timeout", default "3 min",
        limit "a duration of more than 0, such as 3 min" => |timeout| !timeout.is_zero();
}
