//! How the records of a key become one value.

use flott_state::{AggregateFunction, StateValue};

use crate::Record;

/// How records of one key become one value.
pub trait Aggregation<T>: Send {
    /// What is kept for a key.
    type Value: StateValue;
    /// What is emitted for a key.
    type Result;
    /// Whether the result depends on the order of the records.
    const DEPENDS_ON_ORDER: bool = true;

    /// The value after a key's first record.
    fn first(&mut self, record: T) -> Self::Value;

    /// Adds a further record.
    fn add(&mut self, value: &mut Self::Value, record: T);

    /// What to emit for this value, to which more may be added.
    fn result(&self, value: &Self::Value) -> Self::Result;

    /// What to emit for this value, which is the last.
    fn last_result(&self, value: Self::Value) -> Self::Result {
        self.result(&value)
    }
}

/// The accumulated record is the first one, changed by each that follows.
pub struct Reduce<F>(pub F);

impl<T: Record, F: FnMut(&mut T, T) + Send> Aggregation<T> for Reduce<F> {
    type Value = T;
    type Result = T;

    #[inline]
    fn first(&mut self, record: T) -> T {
        record
    }

    #[inline]
    fn add(&mut self, value: &mut T, record: T) {
        (self.0)(value, record);
    }

    #[inline]
    fn result(&self, value: &T) -> T {
        value.clone()
    }

    fn last_result(&self, value: T) -> T {
        value
    }
}

/// Each record, the first one too, changes a value that begins with a given one.
pub struct Fold<V, F> {
    /// What the value of a key is before its first record.
    pub initial: V,
    /// Adds a record.
    pub function: F,
}

impl<T, V: Record, F: FnMut(&mut V, T) + Send> Aggregation<T> for Fold<V, F> {
    type Value = V;
    type Result = V;

    #[inline]
    fn first(&mut self, record: T) -> V {
        let mut value = self.initial.clone();
        (self.function)(&mut value, record);
        value
    }

    #[inline]
    fn add(&mut self, value: &mut V, record: T) {
        (self.function)(value, record);
    }

    #[inline]
    fn result(&self, value: &V) -> V {
        value.clone()
    }

    fn last_result(&self, value: V) -> V {
        value
    }
}

/// Adds records to the accumulator of an [`AggregateFunction`].
pub struct Aggregate<F>(pub F);

impl<T, F: AggregateFunction<T> + Send> Aggregation<T> for Aggregate<F> {
    type Value = F::Accumulator;
    type Result = F::Output;

    #[inline]
    fn first(&mut self, record: T) -> F::Accumulator {
        let mut accumulator = self.0.create();
        self.0.add(&mut accumulator, record);
        accumulator
    }

    #[inline]
    fn add(&mut self, accumulator: &mut F::Accumulator, record: T) {
        self.0.add(accumulator, record);
    }

    #[inline]
    fn result(&self, accumulator: &F::Accumulator) -> F::Output {
        self.0.result(accumulator)
    }
}

/// Counts records.
pub struct Count;

impl<T> Aggregation<T> for Count {
    type Value = u64;
    type Result = u64;
    const DEPENDS_ON_ORDER: bool = false;

    #[inline]
    fn first(&mut self, _: T) -> u64 {
        1
    }

    #[inline]
    fn add(&mut self, value: &mut u64, _: T) {
        *value += 1;
    }

    #[inline]
    fn result(&self, value: &u64) -> u64 {
        *value
    }
}
