//! What is kept of a window's records, and what becomes of it.

use flott_state::{AggregateFunction, StateValue};
use serde::{Deserialize, Serialize};

/// How the records of a key's window are kept until the window function gets them.
///
/// `arrival` numbers the records of the subtask in the order in which they come, so that states can be merged in any order
/// and still know which record was the first.
pub trait Contents<T>: Clone + Send + Sync + 'static {
    /// What is kept.
    type State: StateValue + Clone;
    /// What the window function gets.
    type Value;

    /// Whether states are small however many records they stand for.
    const IS_INCREMENTAL: bool = true;

    /// Whether it matters in which order records come.
    const DEPENDS_ON_ORDER: bool = true;

    /// Keeps the first record.
    fn first(&mut self, record: T, arrival: u64) -> Self::State;

    /// Keeps a further record.
    fn add(&mut self, state: &mut Self::State, record: T, arrival: u64);

    /// Adds all records of `other`, which may be older or newer.
    fn merge(&mut self, state: &mut Self::State, other: Self::State);

    /// What the window function gets, if no more is to come.
    fn finish(&mut self, state: Self::State) -> Self::Value;

    /// What the window function gets while the window goes on.
    fn value(&mut self, state: &Self::State) -> Self::Value {
        self.finish(state.clone())
    }

    /// What the window function gets of a window whose records were all evicted; `None` if it is not called.
    fn empty(&mut self) -> Option<Self::Value>;
}

/// A record that stands for others, with the arrival of the one that it began as.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arrived<T> {
    arrival: u64,
    record: T,
}

/// Records become one: the first one, changed by each that follows.
#[derive(Clone, Copy, Debug)]
pub struct Reduced<F>(pub F);

impl<T, F> Contents<T> for Reduced<F>
where
    T: StateValue + Clone,
    F: FnMut(&mut T, T) + Clone + Send + Sync + 'static,
{
    type State = Arrived<T>;
    type Value = T;

    #[inline]
    fn first(&mut self, record: T, arrival: u64) -> Arrived<T> {
        Arrived { arrival, record }
    }

    #[inline]
    fn add(&mut self, state: &mut Arrived<T>, record: T, _: u64) {
        (self.0)(&mut state.record, record);
    }

    /// The function gets the earlier one first, as if records had come to it one by one: what it does not change then
    /// comes from the window's first record.
    fn merge(&mut self, state: &mut Arrived<T>, mut other: Arrived<T>) {
        if other.arrival < state.arrival {
            std::mem::swap(state, &mut other);
        }
        (self.0)(&mut state.record, other.record);
    }

    fn finish(&mut self, state: Arrived<T>) -> T {
        state.record
    }

    fn empty(&mut self) -> Option<T> {
        None
    }
}

/// One of the records stays: the first one of those that no other is better than.
#[derive(Clone, Copy, Debug)]
pub struct Best<F>(pub F);

impl<T, F> Contents<T> for Best<F>
where
    T: StateValue + Clone,
    F: FnMut(&T, &T) -> bool + Clone + Send + Sync + 'static,
{
    type State = Arrived<T>;
    type Value = T;

    #[inline]
    fn first(&mut self, record: T, arrival: u64) -> Arrived<T> {
        Arrived { arrival, record }
    }

    /// The function says whether its first argument is better than its second.
    #[inline]
    fn add(&mut self, state: &mut Arrived<T>, record: T, arrival: u64) {
        if (self.0)(&record, &state.record) {
            *state = Arrived { arrival, record };
        }
    }

    fn merge(&mut self, state: &mut Arrived<T>, mut other: Arrived<T>) {
        if other.arrival < state.arrival {
            std::mem::swap(state, &mut other);
        }
        self.add(state, other.record, other.arrival);
    }

    fn finish(&mut self, state: Arrived<T>) -> T {
        state.record
    }

    fn empty(&mut self) -> Option<T> {
        None
    }
}

/// Records are added to an accumulator.
#[derive(Clone, Copy, Debug)]
pub struct Aggregated<A>(pub A);

impl<T, A> Contents<T> for Aggregated<A>
where
    A: AggregateFunction<T, Accumulator: Clone> + Clone + Send + Sync + 'static,
{
    type State = A::Accumulator;
    type Value = A::Output;

    #[inline]
    fn first(&mut self, record: T, _: u64) -> A::Accumulator {
        let mut accumulator = self.0.create();
        self.0.add(&mut accumulator, record);
        accumulator
    }

    #[inline]
    fn add(&mut self, accumulator: &mut A::Accumulator, record: T, _: u64) {
        self.0.add(accumulator, record);
    }

    fn merge(&mut self, accumulator: &mut A::Accumulator, other: A::Accumulator) {
        self.0.merge(accumulator, other);
    }

    fn finish(&mut self, accumulator: A::Accumulator) -> A::Output {
        self.0.result(&accumulator)
    }

    fn value(&mut self, accumulator: &A::Accumulator) -> A::Output {
        self.0.result(accumulator)
    }

    fn empty(&mut self) -> Option<A::Output> {
        Some(self.0.result(&self.0.create()))
    }
}

/// Records are counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted;

impl<T> Contents<T> for Counted {
    type State = u64;
    type Value = u64;

    const DEPENDS_ON_ORDER: bool = false;

    #[inline]
    fn first(&mut self, _: T, _: u64) -> u64 {
        1
    }

    #[inline]
    fn add(&mut self, count: &mut u64, _: T, _: u64) {
        *count += 1;
    }

    fn merge(&mut self, count: &mut u64, other: u64) {
        *count += other;
    }

    fn finish(&mut self, count: u64) -> u64 {
        count
    }

    fn empty(&mut self) -> Option<u64> {
        Some(0)
    }
}

/// All records are kept, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub struct Listed;

impl<T: StateValue + Clone> Contents<T> for Listed {
    type State = Vec<Arrived<T>>;
    type Value = Vec<T>;

    const IS_INCREMENTAL: bool = false;

    fn first(&mut self, record: T, arrival: u64) -> Self::State {
        vec![Arrived { arrival, record }]
    }

    #[inline]
    fn add(&mut self, records: &mut Self::State, record: T, arrival: u64) {
        records.push(Arrived { arrival, record });
    }

    fn merge(&mut self, records: &mut Self::State, other: Self::State) {
        let in_order = match (records.last(), other.first()) {
            (Some(last), Some(first)) => last.arrival < first.arrival,
            _ => true,
        };
        records.extend(other);
        if !in_order {
            records.sort_by_key(|record| record.arrival); // the one that is fast with sorted parts
        }
    }

    fn finish(&mut self, records: Self::State) -> Vec<T> {
        records.into_iter().map(|record| record.record).collect()
    }

    fn value(&mut self, records: &Self::State) -> Vec<T> {
        records.iter().map(|record| record.record.clone()).collect()
    }

    fn empty(&mut self) -> Option<Vec<T>> {
        Some(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_the_first_whatever_is_merged_into_what() {
        let mut sum = Reduced(|total: &mut (u64, String), record: (u64, String)| total.0 += record.0);
        let mut late = sum.first((1, "late".to_owned()), 7);
        let early = sum.first((2, "early".to_owned()), 3);
        sum.merge(&mut late, early);
        assert_eq!(sum.finish(late), (3, "early".to_owned()));
    }

    #[test]
    fn of_equal_records_the_first_one_stays() {
        let mut least = Best(|one: &(u64, u64), other: &(u64, u64)| one.0 < other.0);
        let mut one = least.first((5, 0), 10);
        least.add(&mut one, (3, 1), 11);
        least.add(&mut one, (3, 2), 12);
        assert_eq!(least.value(&one), (3, 1));
        let mut other = least.first((3, 3), 4);
        least.merge(&mut other, one.clone());
        assert_eq!(least.value(&other), (3, 3));
        least.merge(&mut one, other);
        assert_eq!(least.finish(one), (3, 3));
    }
}
