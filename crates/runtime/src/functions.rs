//! Functions that authors write as types of their own, and what they see of their surroundings.
//!
//! A function is a plain struct that implements one of the traits here. Each subtask works on a clone of it: it calls
//! `open` before the first record, and `close` once at the end, also, as well as it can, if the task fails or is
//! canceled. Functions may return any error, which fails the job with the operator's name; `?` is enough.

mod context;
mod core;
mod keyed_core;
mod open_context;
mod opened;

pub use self::core::FunctionCore;
pub use context::{KeyedContext, OnTimerContext, ProcessContext, TimeDomain};
pub use keyed_core::KeyedFunctionCore;
pub use open_context::{NoKey, OpenContext};
pub use opened::Opened;
