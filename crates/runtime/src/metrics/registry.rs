use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use flott_core::metrics::{MetricValue, OperatorMetric, OperatorMetrics};

use super::{Computed, Counter, Gauge, Histogram, Meter};

/// Most metrics of the operators of one subtask. All of them travel to the JobManager every second, and are kept there.
const LIMIT: usize = 256;

/// The metrics of a subtask's operators, by operator and name.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    metrics: BTreeMap<(Arc<str>, Arc<str>), Metric>,
    has_warned: bool,
}

/// A metric of any kind.
#[derive(Clone, Debug)]
pub(super) enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Meter(Meter),
    Histogram(Histogram),
    Computed(Computed),
}

impl Metric {
    /// The value now, unless there is none.
    fn read(&self, now: Instant) -> Option<MetricValue> {
        Some(match self {
            Self::Counter(counter) => MetricValue::Integer(i64::try_from(counter.get()).unwrap_or(i64::MAX)),
            Self::Gauge(gauge) => gauge.get().into(),
            Self::Meter(meter) => MetricValue::Rate(meter.rate(now)),
            Self::Histogram(histogram) => MetricValue::Histogram(histogram.summary()),
            Self::Computed(computed) => return computed.get(),
        })
    }
}

/// A kind of metric.
pub(super) trait Kind: Clone + Default {
    /// The metric, if it is of this kind.
    fn of(metric: &Metric) -> Option<&Self>;
    fn into_metric(self) -> Metric;
}

macro_rules! kinds {
    ($($kind:ident)*) => {
        $(impl Kind for $kind {
            fn of(metric: &Metric) -> Option<&Self> {
                if let Metric::$kind(cell) = metric { Some(cell) } else { None }
            }

            fn into_metric(self) -> Metric {
                Metric::$kind(self)
            }
        })*
    };
}
kinds!(Counter Gauge Meter Histogram Computed);

impl Registry {
    /// The metric of this name, a new one if there is none.
    pub(super) fn register<K: Kind>(&self, operator: &Arc<str>, name: Arc<str>) -> K {
        self.share(operator, name, K::default)
    }

    /// Makes `cell` the metric of this name, also if there is one of its kind.
    pub(super) fn replace<K: Kind>(&self, operator: &Arc<str>, name: Arc<str>, cell: K) {
        let _ = self.share(operator, name.clone(), || cell.clone());
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metric) = entries.metrics.get_mut(&(operator.clone(), name))
            && K::of(metric).is_some()
        {
            *metric = cell.into_metric();
        }
    }

    /// Whether there is a metric of this name.
    pub(super) fn knows(&self, operator: &Arc<str>, name: &str) -> bool {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.metrics.contains_key(&(operator.clone(), name.into()))
    }

    /// The metric of this name, if there is none what `new` makes.
    pub(super) fn share<K: Kind>(&self, operator: &Arc<str>, name: Arc<str>, new: impl FnOnce() -> K) -> K {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (operator.clone(), name);
        let problem = match entries.metrics.get(&key) {
            Some(metric) => match K::of(metric) {
                Some(cell) => return cell.clone(),
                None => "there is another kind of metric of this name".to_owned(),
            },
            None if entries.metrics.len() < LIMIT => {
                let cell = new();
                entries.metrics.insert(key, cell.clone().into_metric());
                return cell;
            }
            None => format!("a subtask can have {LIMIT} metrics"),
        };
        if !std::mem::replace(&mut entries.has_warned, true) {
            let (operator, name) = key;
            eprintln!(
                "warning: metric {name:?} of operator {operator:?} and perhaps others are not shown: {problem}"
            );
        }
        K::default()
    }

    /// The values of all metrics.
    pub(crate) fn read(&self, now: Instant) -> OperatorMetrics {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = entries.metrics.iter().filter_map(|((operator, name), metric)| {
            let value = metric.read(now)?;
            Some(OperatorMetric { operator: operator.clone(), name: name.clone(), value })
        });
        metrics.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::MetricGroup, *};
    use crate::{TaskCounters, counters::now};

    fn values(counters: &TaskCounters) -> Vec<(String, MetricValue)> {
        let at = now() + Duration::from_secs(10);
        let metrics = counters.registry.read(at);
        metrics.iter().map(|metric| (format!("{}/{}", metric.operator, metric.name), metric.value)).collect()
    }

    #[test]
    fn metrics_are_shown_by_operator_and_name() {
        let counters = TaskCounters::default();
        let window = MetricGroup::for_operator(&counters, "window");
        let sink = MetricGroup::for_operator(&counters, "Sink: out");
        window.counter("late").inc_by(3);
        window.clone().counter("late").inc();
        sink.counter("late").inc();
        sink.group("my group").group("b").gauge("queue.length").set(7_u64);
        let expected = [
            ("Sink: out/late".to_owned(), MetricValue::Integer(1)),
            ("Sink: out/my_group.b.queue_length".to_owned(), MetricValue::Integer(7)),
            ("window/late".to_owned(), MetricValue::Integer(4)),
        ];
        assert_eq!(values(&counters), expected);
    }

    #[test]
    fn rates_and_distributions_are_made_when_read() {
        let counters = TaskCounters::default();
        let group = MetricGroup::for_operator(&counters, "map");
        group.histogram("size").record(2_u32);
        group.meter("events").mark_many(1_000);
        let values = values(&counters);
        let MetricValue::Rate(rate) = values[0].1 else { panic!("{values:?}") };
        assert!((90.0..=100.0).contains(&rate), "{rate}");
        assert!(matches!(values[1].1, MetricValue::Histogram(summary) if summary.max == 2.0));
    }

    #[test]
    fn what_is_computed_is_shown_while_it_has_a_value() {
        let counters = TaskCounters::default();
        let group = MetricGroup::for_operator(&counters, "map");
        let seen = std::sync::atomic::AtomicI64::new(-1);
        group.computed("n", || Some(MetricValue::Integer(7)));
        group.computed("n", move || {
            let n = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            (n >= 0).then_some(MetricValue::Integer(n))
        });
        assert_eq!(values(&counters), []);
        assert_eq!(values(&counters), [("map/n".to_owned(), MetricValue::Integer(0))]);
        group.counter("n").inc();
        assert_eq!(
            values(&counters),
            [("map/n".to_owned(), MetricValue::Integer(1))],
            "it is of another kind"
        );
    }

    #[test]
    fn state_is_shown_once_there_was_any() {
        let counters = TaskCounters::default();
        let group = MetricGroup::for_operator(&counters, "map");
        group.set_state(0, 0);
        assert_eq!(values(&counters), []);
        let shown = |entries, size| {
            [("stateEntries", entries), ("stateSize", size)]
                .map(|(name, value)| (format!("map/{name}"), MetricValue::Integer(value)))
        };
        group.set_state(70, 3);
        assert_eq!(values(&counters), shown(3, 70));
        group.set_state(0, 0);
        assert_eq!(values(&counters), shown(0, 0));
    }

    #[test]
    fn another_kind_under_a_known_name_counts_but_is_not_shown() {
        let counters = TaskCounters::default();
        let group = MetricGroup::for_operator(&counters, "map");
        group.counter("n").inc();
        let gauge = group.gauge("n");
        gauge.set(9_i64);
        assert_eq!(gauge.get(), super::super::Number::Integer(9));
        assert_eq!(values(&counters), [("map/n".to_owned(), MetricValue::Integer(1))]);
    }

    #[test]
    fn the_number_of_metrics_is_bounded() {
        let counters = TaskCounters::default();
        let group = MetricGroup::for_operator(&counters, "map");
        for index in 0..LIMIT + 10 {
            group.counter(&index.to_string()).inc();
        }
        assert_eq!(values(&counters).len(), LIMIT);
        group.counter("0").inc();
        assert_eq!(values(&counters)[0].1, MetricValue::Integer(2), "known ones are found");
    }
}
