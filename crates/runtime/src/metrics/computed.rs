use std::{fmt, sync::Arc};

use flott_core::metrics::MetricValue;

/// A value that is found out when it is read, so that it costs nothing before: how long something lasts, say.
#[derive(Clone)]
pub(crate) struct Computed(Arc<dyn Fn() -> Option<MetricValue> + Send + Sync>);

impl Default for Computed {
    fn default() -> Self {
        Self(Arc::new(|| None))
    }
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Computed").field(&self.get()).finish()
    }
}

impl Computed {
    pub(super) fn new(compute: impl Fn() -> Option<MetricValue> + Send + Sync + 'static) -> Self {
        Self(Arc::new(compute))
    }

    /// The value now, if it means anything now.
    pub(super) fn get(&self) -> Option<MetricValue> {
        (self.0)()
    }
}
