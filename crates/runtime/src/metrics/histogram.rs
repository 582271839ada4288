use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use flott_core::metrics::HistogramSummary;

use super::Number;

/// How many of the latest values are kept: 16 KiB. Enough for two to lie beyond the 99.9th percentile.
const WINDOW: usize = 2048;

/// Shows how the latest values are distributed. Clones record into the same.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<HistogramCell>);

#[derive(Debug)]
struct HistogramCell {
    count: AtomicU64,
    /// The bits of the latest values, in a ring.
    ring: Box<[AtomicU64]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::of_latest(WINDOW)
    }
}

impl Histogram {
    /// Of this many of the latest values; of one at least.
    pub(crate) fn of_latest(values: usize) -> Self {
        let ring = (0..values.max(1)).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(HistogramCell { count: AtomicU64::new(0), ring }))
    }

    /// Takes a value in. What is no number or infinite is left out.
    #[inline]
    pub fn record(&self, value: impl Into<Number>) {
        let value = value.into().as_f64();
        if value.is_finite() {
            let index = self.0.count.fetch_add(1, Relaxed) as usize % self.0.ring.len();
            self.0.ring[index].store(value.to_bits(), Relaxed);
        }
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.0.count.load(Relaxed)
    }

    /// What there is to say of the latest values.
    pub fn summary(&self) -> HistogramSummary {
        let count = self.count();
        let kept = count.min(self.0.ring.len() as u64) as usize;
        let bits = self.0.ring[..kept].iter();
        let mut sorted: Vec<f64> = bits.map(|bits| f64::from_bits(bits.load(Relaxed))).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return HistogramSummary::default();
        };
        let mean = sorted.iter().sum::<f64>() / kept as f64;
        let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
        let stddev = if kept > 1 { (squares / (kept - 1) as f64).sqrt() } else { 0.0 };
        let p = |percent| percentile(&sorted, percent);
        HistogramSummary {
            count,
            min,
            max,
            mean,
            stddev,
            p50: p(50.0),
            p75: p(75.0),
            p90: p(90.0),
            p95: p(95.0),
            p98: p(98.0),
            p99: p(99.0),
            p999: p(99.9),
        }
    }
}

/// Estimates a percentile of at least one value at position p(n+1)/100, between values linearly, as Flink does.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let position = percent * (sorted.len() as f64 + 1.0) / 100.0;
    let below = position.floor() as usize;
    match (below.checked_sub(1).and_then(|index| sorted.get(index)), sorted.get(below)) {
        (Some(low), Some(high)) => low + (high - low) * position.fract(),
        (None, _) => sorted[0],
        (Some(_), None) => sorted[sorted.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_recorded_is_all_zero() {
        assert_eq!(Histogram::default().summary(), HistogramSummary::default());
    }

    #[test]
    fn summaries_of_one_value_and_of_many() {
        let one = Histogram::default();
        one.record(-2.5);
        let summary = one.summary();
        assert_eq!((summary.min, summary.p50, summary.p999, summary.max), (-2.5, -2.5, -2.5, -2.5));
        assert_eq!((summary.mean, summary.stddev), (-2.5, 0.0));

        let many = Histogram::default();
        (1..=100_u64).rev().for_each(|value| many.record(value));
        let summary = many.summary();
        assert_eq!((summary.count, summary.min, summary.max, summary.mean), (100, 1.0, 100.0, 50.5));
        assert_eq!((summary.p50, summary.p75, summary.p90), (50.5, 75.75, 90.9));
        assert_eq!(summary.p999, 100.0);
        assert!((summary.stddev - 29.011).abs() < 0.001, "{}", summary.stddev);
    }

    #[test]
    fn the_latest_values_count() {
        let histogram = Histogram::default();
        (0..WINDOW).for_each(|_| histogram.record(1_000_u64));
        (0..WINDOW).for_each(|_| histogram.record(1_u32));
        histogram.record(f64::NAN);
        histogram.record(f64::INFINITY);
        let summary = histogram.summary();
        assert_eq!((summary.count, summary.max), (2 * WINDOW as u64, 1.0));
    }
}
