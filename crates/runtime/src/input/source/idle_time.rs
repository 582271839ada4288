use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use flott_core::metrics::MetricValue;

use crate::RuntimeContext;

/// It is not idle.
const NEVER: i64 = i64::MAX;

/// Shows for how long a source has read nothing: `sourceIdleTime`, in milliseconds, and 0 while it reads.
pub(super) struct IdleTime {
    context: RuntimeContext,
    is_idle: bool,
    since: Arc<AtomicI64>,
}

impl IdleTime {
    pub(super) fn new(context: &RuntimeContext) -> Self {
        let since = Arc::new(AtomicI64::new(NEVER));
        let (clock, shown) = (context.clock().clone(), since.clone());
        context.metrics().computed("sourceIdleTime", move || {
            Some(MetricValue::Integer(match shown.load(Relaxed) {
                NEVER => 0,
                since => (clock.now().as_millis() - since).max(0),
            }))
        });
        Self { context: context.clone(), is_idle: false, since }
    }

    /// Costs nothing unless it changes.
    #[inline]
    pub(super) fn set(&mut self, is_idle: bool) {
        if self.is_idle != is_idle {
            self.is_idle = is_idle;
            let since = if is_idle { self.context.clock().now().as_millis() } else { NEVER };
            self.since.store(since, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use flott_core::time::Timestamp;

    use super::*;
    use crate::testing::operator;

    #[test]
    fn it_grows_while_nothing_is_read() {
        let context = operator("source");
        let mut idle = IdleTime::new(&context);
        let shown = || context.task.counters.read_operators()[0].value;
        let at = |millis| context.clock().set(Timestamp::from_millis(millis));
        at(1_000);
        assert_eq!(shown(), MetricValue::Integer(0));
        idle.set(true);
        at(1_300);
        idle.set(true);
        assert_eq!(shown(), MetricValue::Integer(300));
        idle.set(false);
        assert_eq!(shown(), MetricValue::Integer(0));
    }
}
