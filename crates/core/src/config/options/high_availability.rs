//! Options of surviving the loss of the JobManager.

use crate::config::{option::options, value::HighAvailability};

options! {
    /// Only `none` so far: one JobManager, whose jobs end with it.
    TYPE: HighAvailability = "high-availability.type", default "none",
        older ["high-availability", "recovery.mode"];
}
