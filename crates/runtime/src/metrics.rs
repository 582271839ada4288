//! Metrics that operators and user functions count themselves.
//!
//! Each operator has a [`MetricGroup`], from which it gets its metrics by name when it is opened. To count is then an
//! atomic addition, without a lock, so it may be done for each record. The subtask reports the values with its own, and
//! they can be read over REST as `<subtask>.<operator>.<name>`, also after it has ended.
//!
//! ```
//! # use std::sync::Arc;
//! use flott_runtime::{TaskCounters, metrics::MetricGroup};
//!
//! let counters = Arc::new(TaskCounters::default());
//! let metrics = MetricGroup::for_operator(&counters, "parse");
//! let malformed = metrics.counter("malformed");
//! let sizes = metrics.group("lines").histogram("bytes");
//! malformed.inc();
//! sizes.record(80_u64);
//! assert_eq!(malformed.get(), 1);
//! ```

mod cells;
mod computed;
mod histogram;
mod meter;
mod registry;

use std::sync::Arc;

use flott_core::metrics::{LatencyPath, MetricValue, metric_id_part};

pub use cells::{Counter, Gauge, Number};
pub(crate) use computed::Computed;
pub use histogram::Histogram;
pub use meter::Meter;
pub(crate) use registry::Registry;

use crate::TaskCounters;

/// Bytes of an operator's state at the last checkpoint.
const STATE_SIZE: &str = "stateSize";
/// Entries of it: values, elements of lists and maps by key, timers.
const STATE_ENTRIES: &str = "stateEntries";

/// The metrics of one operator in one subtask. Cheap to clone; clones share the metrics.
///
/// Whoever registers a name again gets the same metric. Operators of one name in one chain share theirs, as they would
/// have the same ids. Names and ids are made safe: space, `.`, `:` and `,` become `_`.
///
/// A subtask can have a few hundred metrics. What is registered beyond, or under a name that has another kind of metric,
/// counts but is shown nowhere, and one warning says so.
#[derive(Clone, Debug)]
pub struct MetricGroup {
    registry: Arc<Registry>,
    operator: Arc<str>,
    /// Names of the groups, each with a dot behind it.
    prefix: Arc<str>,
}

impl MetricGroup {
    /// The metrics of the operator `operator` in the subtask that has these counters.
    pub fn for_operator(counters: &TaskCounters, operator: &str) -> Self {
        Self { registry: counters.registry.clone(), operator: operator.into(), prefix: "".into() }
    }

    /// A group within this one, whose name comes before those of its metrics.
    #[must_use]
    pub fn group(&self, name: &str) -> Self {
        let prefix = format!("{}{}.", self.prefix, metric_id_part(name)).into();
        Self { prefix, ..self.clone() }
    }

    /// Counts something.
    pub fn counter(&self, name: &str) -> Counter {
        self.registry.register(&self.operator, self.name(name))
    }

    /// Shows a counter of another operator under a name of this one's, unless there is a metric of that name.
    pub(crate) fn show(&self, name: &str, counter: &Counter) {
        self.registry.share(&self.operator, self.name(name), || counter.clone());
    }

    /// Shows a value that goes up and down; 0 until it is set.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.registry.register(&self.operator, self.name(name))
    }

    /// Shows how often something happens.
    pub fn meter(&self, name: &str) -> Meter {
        self.registry.register(&self.operator, self.name(name))
    }

    /// Shows how values are distributed.
    pub fn histogram(&self, name: &str) -> Histogram {
        self.registry.register(&self.operator, self.name(name))
    }

    /// Shows what `compute` finds whenever it is read; nothing while that is `None`. Whoever registers the name again is the
    /// one who is asked.
    pub(crate) fn computed(
        &self,
        name: &str,
        compute: impl Fn() -> Option<MetricValue> + Send + Sync + 'static,
    ) {
        self.registry.replace(&self.operator, self.name(name), Computed::new(compute));
    }

    /// Shows how much state there was at a checkpoint: the bytes that it takes there, and how many entries it has. Operators that
    /// never had any show nothing.
    pub(crate) fn set_state(&self, bytes: u64, entries: u64) {
        if bytes > 0 || entries > 0 || self.registry.knows(&self.operator, STATE_SIZE) {
            self.gauge(STATE_SIZE).set(bytes);
            self.gauge(STATE_ENTRIES).set(entries);
        }
    }

    /// Shows how latencies are distributed, of this many of the latest values. The name has parts with dots between.
    pub(crate) fn latency(&self, path: &LatencyPath, values: usize) -> Histogram {
        self.registry.share(&self.operator, path.to_string().into(), || Histogram::of_latest(values))
    }

    fn name(&self, name: &str) -> Arc<str> {
        format!("{}{}", self.prefix, metric_id_part(name)).into()
    }
}
