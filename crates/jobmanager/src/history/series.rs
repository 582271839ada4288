//! One series: a name, and a ring of values.

use std::{collections::VecDeque, sync::Arc};

use flott_core::{
    VertexId,
    metrics::{OperatorMetric, metric_id},
};

use super::{Aggregation, CAPACITY};

/// By how many values a ring grows: those of ten minutes, so that short jobs cost little.
const GROWTH: usize = 120;

/// Which sample this is, counted from the process's start.
pub(super) type Tick = u64;

/// What a series is called, as it is sampled: nothing of this is allocated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    /// One of ours.
    Fixed(&'static str),
    /// Of an operator, and what of it.
    Operator(&'a OperatorMetric, &'static str),
}

/// What a series is, as it is sampled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) name: Name<'a>,
    pub(super) vertex: Option<VertexId>,
    pub(super) unit: &'static str,
    pub(super) aggregation: Aggregation,
}

impl Key<'static> {
    pub(super) const fn new(id: &'static str, unit: &'static str, aggregation: Aggregation) -> Self {
        Self { name: Name::Fixed(id), vertex: None, unit, aggregation }
    }

    pub(super) const fn of(self, vertex: VertexId) -> Self {
        Self { vertex: Some(vertex), ..self }
    }
}

#[derive(Debug)]
enum OwnedName {
    Fixed(&'static str),
    Operator { operator: Arc<str>, name: Arc<str>, suffix: &'static str },
}

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    name: OwnedName,
    pub(super) vertex: Option<VertexId>,
    pub(super) unit: &'static str,
    pub(super) aggregation: Aggregation,
    pub(super) values: Ring,
}

impl Series {
    /// An empty one.
    pub(super) fn new(key: Key<'_>) -> Self {
        let Key { name, vertex, unit, aggregation } = key;
        let name = match name {
            Name::Fixed(id) => OwnedName::Fixed(id),
            Name::Operator(metric, suffix) => {
                OwnedName::Operator { operator: metric.operator.clone(), name: metric.name.clone(), suffix }
            }
        };
        Self { name, vertex, unit, aggregation, values: Ring::default() }
    }

    /// Whether it is the one that is meant.
    pub(super) fn is(&self, key: &Key<'_>) -> bool {
        self.vertex == key.vertex
            && match (&self.name, &key.name) {
                (OwnedName::Fixed(own), Name::Fixed(id)) => own == id,
                (OwnedName::Operator { operator, name, suffix }, Name::Operator(metric, wanted)) => {
                    suffix == wanted && **name == *metric.name && **operator == *metric.operator
                }
                _ => false,
            }
    }

    /// Whether it is told without being asked for.
    pub(super) fn is_default(&self) -> bool {
        matches!(self.name, OwnedName::Fixed(_))
    }

    /// The metric's id.
    pub(super) fn id(&self) -> String {
        match &self.name {
            OwnedName::Fixed(id) => (*id).to_owned(),
            OwnedName::Operator { operator, name, suffix } => {
                let mut id = metric_id(operator, name);
                id.push_str(suffix);
                id
            }
        }
    }
}

/// The latest values of a series.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Of the first of the values.
    first: Tick,
    values: VecDeque<f32>,
}

impl Ring {
    /// Appends a value. What was left out since the last one is not known.
    pub(super) fn put(&mut self, tick: Tick, value: f64) {
        if self.values.is_empty() || tick.saturating_sub(self.next()) >= CAPACITY as u64 {
            self.values.clear();
            self.first = tick;
        }
        while self.next() < tick {
            self.push(f32::NAN);
        }
        if self.next() == tick {
            self.push(value as f32);
        }
    }

    /// The value of a tick; NaN if it is not known.
    pub(super) fn get(&self, tick: Tick) -> f32 {
        let index = tick.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.values.get(index)).copied().unwrap_or(f32::NAN)
    }

    fn next(&self) -> Tick {
        self.first + self.values.len() as u64
    }

    fn push(&mut self, value: f32) {
        if self.values.len() == CAPACITY {
            self.values.pop_front();
            self.first += 1;
        } else if self.values.len() == self.values.capacity() {
            self.values.reserve_exact(GROWTH);
        }
        self.values.push_back(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_keeps_the_latest_values_and_knows_its_gaps() {
        let mut ring = Ring::default();
        ring.put(5, 1.0);
        ring.put(7, 2.0);
        ring.put(7, 9.0);
        let values: Vec<_> = (4..9).map(|tick| ring.get(tick)).collect();
        assert_eq!(format!("{values:?}"), "[NaN, 1.0, NaN, 2.0, NaN]");
        for tick in 8..5_000 {
            ring.put(tick, tick as f64);
        }
        assert_eq!((ring.get(4_999), ring.get(4_280)), (4_999.0, 4_280.0));
        assert!(ring.get(4_279).is_nan());
        assert_eq!(ring.values.capacity(), CAPACITY, "it is as large as it must be");
        ring.put(1_000_000, 1.0);
        assert_eq!((ring.values.len(), ring.get(1_000_000)), (1, 1.0));
    }
}
