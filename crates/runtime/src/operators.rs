//! The operators that transform records within a chain.

mod async_wait;
mod broadcast;
mod co_flat_map;
mod co_map;
mod co_process;
mod co_tagged;
mod co_time_order;
mod collect;
mod counted;
mod filter;
mod flat_map;
mod interval_join;
mod key_selector;
mod keyed_process;
mod keyed_reduce;
mod map;
mod process;
mod rich;
mod rich_with_state;
mod sink;
mod time_order;

pub use async_wait::{AsyncOptions, AsyncWait, OutputOrder, RetryStrategy};
pub use broadcast::{BroadcastProcess, KeyedBroadcastProcess};
pub use co_flat_map::CoFlatMap;
pub use co_map::CoMap;
pub use co_process::{CoProcess, KeyedCoProcess};
pub use co_tagged::{TaggedKey, TaggedUnion};
pub use co_time_order::{co_in_time_order, left_in_time_order};
pub use collect::{Collect, Collected, StreamElement};
pub use counted::count_between;
pub use filter::Filter;
pub use flat_map::{Collector, FlatMap};
pub use interval_join::{Bound, Interval, IntervalJoin, IntervalJoinSettings};
pub use key_selector::{ByRef, ByValue, KeySelector};
pub use keyed_process::KeyedProcess;
pub use keyed_reduce::{
    Aggregate, Aggregation, Count, Emission, Fold, KeyAndValue, KeyedReduce, Reduce, ValueOnly,
};
pub use map::Map;
pub use process::Process;
pub use rich::{AsProcess, Rich, RichFilter, RichFlatMap, RichMap};
pub use rich_with_state::WithState;
pub use sink::SinkOperator;
pub(crate) use sink::author_failure;
pub use time_order::in_time_order;

/// The failure of a task with whose state something is wrong.
pub(crate) fn state_failure(context: &crate::RuntimeContext, error: &flott_state::Error) -> crate::TaskEnd {
    let cause = flott_core::FailureCause::new(flott_core::FailureKind::UserError, error.to_string());
    cause.in_operator(&*context.name).into()
}

/// The failure of a task whose state can't be what it was in a checkpoint.
pub(crate) fn restore_failure(
    context: &crate::RuntimeContext,
    error: &dyn std::fmt::Display,
) -> crate::TaskEnd {
    let message = format!("cannot restore: {error}");
    let cause = flott_core::FailureCause::new(flott_core::FailureKind::StateIncompatible, message);
    cause.in_operator(&*context.name).into()
}

/// Hands the named calls on to `self.next`.
macro_rules! pass_on {
    ($($call:ident),+) => {
        $(crate::operators::pass_on!(@$call);)+
    };
    (@mark) => {
        fn mark(&mut self, mark: crate::Mark) -> crate::Result<()> {
            self.next.mark(mark)
        }
    };
    (@on_processing_time) => {
        fn on_processing_time(&mut self, now: flott_core::time::Timestamp) -> crate::Result<()> {
            self.next.on_processing_time(now)
        }
    };
    (@end) => {
        fn end(&mut self) -> crate::Result<()> {
            self.next.end()
        }
    };
    (@flush) => {
        fn flush(&mut self, flush: crate::output::Flush) -> crate::Result<()> {
            self.next.flush(flush)
        }
    };
    (@close) => {
        fn close(&mut self) -> crate::Result<bool> {
            self.next.close()
        }
    };
    (@checkpoint) => {
        fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> crate::Result<()> {
            self.next.checkpoint(event)
        }
    };
}
pub(crate) use pass_on;
