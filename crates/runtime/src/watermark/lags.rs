use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use flott_core::{metrics::MetricValue, time::Timestamp};

use crate::{RuntimeContext, alignment::WatermarkAlignment, metrics::Gauge};

/// Shows how far event time is behind the clock where watermarks are made, in milliseconds, and how far ahead of others.
pub(super) struct Lags {
    context: RuntimeContext,
    watermark: Arc<AtomicI64>,
    /// Known once a record had a timestamp.
    emitted: Option<Gauge>,
}

impl Lags {
    /// `watermarkLag` is there once there is a watermark, and until the input ends. `watermarkAlignmentDrift` is there while
    /// the subtask has others to wait for.
    pub(super) fn new(context: &RuntimeContext, alignment: Option<&WatermarkAlignment>) -> Self {
        let watermark = Arc::new(AtomicI64::new(Timestamp::MIN.as_millis()));
        let (clock, shown) = (context.clock().clone(), watermark.clone());
        context.metrics().computed("watermarkLag", move || {
            let watermark = Timestamp::from_millis(shown.load(Relaxed));
            let is_one = !watermark.is_none() && watermark != Timestamp::MAX;
            let lag = || clock.now().as_millis().saturating_sub(watermark.as_millis());
            is_one.then(|| MetricValue::Integer(lag()))
        });
        if let Some(alignment) = alignment {
            let alignment = alignment.clone();
            let drift = move || alignment.drift_ms().map(MetricValue::Integer);
            context.metrics().computed("watermarkAlignmentDrift", drift);
        }
        Self { context: context.clone(), watermark, emitted: None }
    }

    /// A watermark goes on.
    #[inline]
    pub(super) fn watermark(&self, watermark: Timestamp) {
        self.watermark.store(watermark.as_millis(), Relaxed);
    }

    /// A batch goes on whose last record has this timestamp: `currentEmitEventTimeLag`.
    pub(super) fn emit(&mut self, last: Option<Timestamp>) {
        let Some(last) = last.filter(|last| !last.is_none()) else { return };
        let now = self.context.clock().now();
        let lag = now.as_millis().saturating_sub(last.as_millis());
        let context = &self.context;
        self.emitted.get_or_insert_with(|| context.metrics().gauge("currentEmitEventTimeLag")).set(lag);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, time::Duration};

    use super::*;
    use crate::{TaskCounters, testing::operator};

    #[test]
    fn lags_are_shown_while_they_mean_something() {
        let context = operator("Timestamps/Watermarks");
        let (wake, second) = (Arc::default(), Duration::from_secs(1));
        let alignment = WatermarkAlignment::join(&TaskCounters::default(), wake, "g", second, second);
        let mut lags = Lags::new(&context, Some(&alignment));
        let at = Timestamp::from_millis;
        let shown = |millis| {
            context.clock().set(at(millis));
            let metrics = context.task.counters.read_operators();
            metrics.iter().map(|metric| (metric.name.to_string(), metric.value)).collect::<BTreeMap<_, _>>()
        };
        let expected = |lags: &[(&str, i64)]| {
            lags.iter().map(|(name, lag)| ((*name).to_owned(), MetricValue::Integer(*lag))).collect()
        };
        assert_eq!(shown(1_000), BTreeMap::new());
        lags.emit(None);
        lags.emit(Some(Timestamp::MIN));
        assert_eq!(shown(1_000), BTreeMap::new(), "records have no timestamps");
        lags.emit(Some(at(900)));
        lags.watermark(at(800));
        alignment.report(at(800));
        alignment.set_group_watermark(Some(at(500)));
        assert_eq!(
            shown(1_500),
            expected(&[
                ("currentEmitEventTimeLag", 100),
                ("watermarkLag", 700),
                ("watermarkAlignmentDrift", 300)
            ])
        );
        lags.watermark(Timestamp::MAX);
        alignment.set_group_watermark(None);
        assert_eq!(shown(1_500), expected(&[("currentEmitEventTimeLag", 100)]));
    }
}
