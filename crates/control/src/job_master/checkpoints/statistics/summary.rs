//! What is usual of a number.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// So many of the last values make up the percentiles.
const SAMPLES: usize = 1_000;

/// Least, largest and mean of all values, and percentiles of the last 1000.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
    last: VecDeque<u64>,
}

impl Summary {
    /// Takes in a value.
    pub fn add(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.last.push_back(value);
        if self.last.len() > SAMPLES {
            self.last.pop_front();
        }
    }

    /// The least value; 0 if there was none.
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// The largest value; 0 if there was none.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The mean of all values, rounded down; 0 if there was none.
    pub fn average(&self) -> u64 {
        self.sum.checked_div(self.count).unwrap_or(0)
    }

    /// The percentiles, each given as a number from 0 to 100: between two values in proportion to its distance, as Flink
    /// computes them. `None` if there was no value.
    pub fn percentiles<const N: usize>(&self, percents: [f64; N]) -> Option<[f64; N]> {
        let mut sorted: Vec<_> = self.last.iter().map(|value| *value as f64).collect();
        sorted.sort_by(f64::total_cmp);
        let (first, last) = (*sorted.first()?, *sorted.last()?);
        Some(percents.map(|percent| {
            let position = percent / 100.0 * (sorted.len() + 1) as f64;
            let below = position.floor();
            if below < 1.0 {
                return first;
            }
            match sorted.get(below as usize - 1..below as usize + 1) {
                Some([lower, upper]) => lower + (position - below) * (upper - lower),
                _ => last,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Summary {
        let mut summary = Summary::default();
        values.into_iter().for_each(|value| summary.add(value));
        summary
    }

    #[test]
    fn percentiles_lie_between_values() {
        assert_eq!(of([9, 10]).percentiles([50.0, 99.0, 1.0]), Some([9.5, 10.0, 9.0]));
        assert_eq!(of(1..=99).percentiles([50.0, 90.0]), Some([50.0, 90.0]));
        assert_eq!(of([7]).percentiles([50.0]), Some([7.0]));
        assert_eq!(of([]).percentiles([50.0]), None);
    }

    #[test]
    fn bounds_and_mean_are_those_of_all_values() {
        let summary = of([5].into_iter().chain((0..2_000).map(|_| 20)));
        assert_eq!((summary.min(), summary.max(), summary.average()), (5, 20, 19));
        assert_eq!(summary.percentiles([0.0]), Some([20.0]), "percentiles forget");
        assert_eq!((of([]).min(), of([]).average()), (0, 0));
    }
}
