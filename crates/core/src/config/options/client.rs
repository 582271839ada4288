//! Options of the command line client.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How long `flott` waits for the answer to one request. Raise it for uploads over a slow network.
    TIMEOUT: Duration = "client.timeout", default "1 min", older ["akka.client.timeout"],
        limit "a duration of more than 0, such as 1 min" => |timeout| !timeout.is_zero();
}
