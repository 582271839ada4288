use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use flott_core::metrics::MetricValue;

/// Counts something. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A value that goes up and down. Clones show the same. Set it to whole numbers or to others, not to both in turn.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<GaugeCell>);

#[derive(Debug, Default)]
struct GaugeCell {
    is_float: AtomicBool,
    bits: AtomicU64,
}

impl Gauge {
    /// Shows `value` from now on.
    #[inline]
    pub fn set(&self, value: impl Into<Number>) {
        let (is_float, bits) = match value.into() {
            Number::Integer(value) => (false, value as u64),
            Number::Float(value) => (true, value.to_bits()),
        };
        self.0.bits.store(bits, Relaxed);
        self.0.is_float.store(is_float, Relaxed);
    }

    /// What it shows.
    pub fn get(&self) -> Number {
        let bits = self.0.bits.load(Relaxed);
        if self.0.is_float.load(Relaxed) {
            Number::Float(f64::from_bits(bits))
        } else {
            Number::Integer(bits as i64)
        }
    }
}

/// A number that a metric takes in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole one.
    Integer(i64),
    /// Any other.
    Float(f64),
}

impl Number {
    /// The nearest `f64`.
    #[inline]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<Number> for MetricValue {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(value) => Self::Integer(value),
            Number::Float(value) => Self::Float(value),
        }
    }
}

macro_rules! number_from {
    ($($small:ty)*; $($large:ty)*) => {
        $(impl From<$small> for Number {
            #[inline]
            fn from(value: $small) -> Self {
                Self::Integer(value.into())
            }
        })*
        // What is too large for an i64 is kept as well as an f64 can.
        $(impl From<$large> for Number {
            #[inline]
            fn from(value: $large) -> Self {
                i64::try_from(value).map_or(Self::Float(value as f64), Self::Integer)
            }
        })*
    };
}
number_from!(i8 i16 i32 i64 u8 u16 u32; isize u64 usize);

impl From<f64> for Number {
    #[inline]
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<f32> for Number {
    #[inline]
    fn from(value: f32) -> Self {
        Self::Float(value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_counter_count_the_same() {
        let counter = Counter::default();
        counter.clone().inc();
        counter.inc_by(5);
        assert_eq!(counter.get(), 6);
    }

    #[test]
    fn gauges_keep_whole_numbers_whole() {
        let gauge = Gauge::default();
        assert_eq!(gauge.get(), Number::Integer(0));
        gauge.set(-3_i32);
        assert_eq!(gauge.get(), Number::Integer(-3));
        gauge.set(0.5);
        assert_eq!(gauge.get(), Number::Float(0.5));
        gauge.set(usize::MAX);
        assert_eq!(gauge.get().as_f64(), usize::MAX as f64);
    }
}
