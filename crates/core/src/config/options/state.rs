//! Options of the state that operators keep.

use crate::config::{option::options, value::StateBackend};

options! {
    /// Where jobs keep their state while they run: `hashmap` in memory, the only one so far. Flink's older names
    /// `jobmanager` and `filesystem` mean the same.
    BACKEND: StateBackend = "state.backend.type", default "hashmap", older ["state.backend"];
}
