//! Functions that authors write as types of their own, and what they see of their surroundings.
//!
//! A function is a plain struct that implements one of the traits here. Each subtask works on a clone of it: it calls
//! `open` before the first record, and `close` once at the end, also, as well as it can, if the task fails or is
//! canceled. Functions may return any error, which fails the job with the operator's name; `?` is enough.

mod async_function;
mod broadcast;
mod co_process;
mod context;
mod core;
mod join;
mod keyed_core;
mod keyed_process_function;
mod known_watermark;
mod open_context;
mod opened;
mod process_function;
mod rich_context;
mod rich_filter_function;
mod rich_flat_map_function;
mod rich_map_function;

pub use self::core::FunctionCore;
pub(crate) use self::core::function_failure;
pub use async_function::{AsyncClosure, AsyncFunction, TimedOut};
pub use broadcast::{
    BroadcastOnTimerContext, BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext,
    BroadcastWriteContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
    KeyedBroadcastWriteContext,
};
pub use co_process::{CoProcessFunction, KeyedCoProcessFunction};
pub use context::{KeyedContext, OnTimerContext, ProcessContext, TimeDomain};
pub use join::{JoinContext, ProcessJoinFunction};
pub use keyed_core::KeyedFunctionCore;
pub use keyed_process_function::KeyedProcessFunction;
pub(crate) use known_watermark::KnownWatermark;
pub use open_context::{NoKey, OpenContext};
pub use opened::Opened;
pub use process_function::ProcessFunction;
pub use rich_context::RichContext;
pub use rich_filter_function::RichFilterFunction;
pub use rich_flat_map_function::RichFlatMapFunction;
pub use rich_map_function::RichMapFunction;
