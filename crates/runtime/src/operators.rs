//! The operators that transform records within a chain.

mod filter;
mod flat_map;
mod key_selector;
mod keyed_reduce;
mod map;
mod sink;

pub use filter::Filter;
pub use flat_map::{Collector, FlatMap};
pub use key_selector::{ByRef, ByValue, KeySelector};
pub use keyed_reduce::{Aggregation, Count, Emission, KeyAndValue, KeyedReduce, Reduce, ValueOnly};
pub use map::Map;
pub use sink::SinkOperator;
pub(crate) use sink::sink_failure;

/// Hands `end`, `flush` and `close` on to `self.next`.
macro_rules! pass_on {
    (end, $($rest:ident),+) => {
        fn end(&mut self) -> crate::Result<()> {
            self.next.end()
        }
        crate::operators::pass_on!($($rest),+);
    };
    (flush, close) => {
        fn flush(&mut self, flush: crate::output::Flush) -> crate::Result<()> {
            self.next.flush(flush)
        }

        fn close(&mut self) -> crate::Result<bool> {
            self.next.close()
        }
    };
}
pub(crate) use pass_on;
