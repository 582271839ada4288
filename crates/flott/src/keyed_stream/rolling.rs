//! Aggregates over all records of a key so far.

use std::ops::AddAssign;

use flott_runtime::{
    Record,
    operators::{
        Aggregate, Aggregation, Count, Emission, Fold, KeyAndValue, KeySelector, KeyedReduce, Reduce,
        ValueOnly, in_time_order,
    },
};
use flott_state::AggregateFunction;

use super::KeyedStream;
use crate::SingleOutputStream;

/// Aggregates. What becomes a record of the same type is emitted alone, since its key is in it; anything else is emitted
/// with the key.
///
/// In batch mode, as in Flink, results have the timestamp [`Timestamp::MAX`](crate::Timestamp::MAX).
impl<T: Record, S: KeySelector<T>> KeyedStream<T, S> {
    fn aggregated<A, E>(
        &self,
        name: &str,
        aggregation: impl Fn() -> A + Send + Sync + 'static,
        emission: impl Fn() -> E + Send + Sync + 'static,
    ) -> SingleOutputStream<E::Record>
    where
        A: Aggregation<T> + 'static,
        E: Emission<S::Key, A::Result> + 'static,
    {
        let selector = self.selector.clone();
        self.stream.operator(name, move |context, next| {
            let operator =
                KeyedReduce::new(context.clone(), selector.clone(), aggregation(), emission(), next)?;
            Ok(if A::DEPENDS_ON_ORDER { in_time_order(&context, operator) } else { Box::new(operator) })
        })
    }

    /// Combines the records of each key: `function` adds the second record to the first, which stands for all
    /// records so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let longest = env
    ///     .read_text_file("/data/words")
    ///     .key_by(|word| word.chars().next())
    ///     .reduce(|longest, word| if word.len() > longest.len() { *longest = word });
    /// longest.print();
    /// ```
    pub fn reduce<F>(&self, function: F) -> SingleOutputStream<T>
    where
        F: FnMut(&mut T, T) + Clone + Send + Sync + 'static,
    {
        self.aggregated("Keyed Aggregation", move || Reduce(function.clone()), || ValueOnly)
    }

    /// Adds the records of each key to a value, which is `initial` before the first. Emits the key with the value.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let words = env.from_collection(["to", "be", "or"].map(str::to_owned));
    /// words
    ///     .key_by(|word| word.len())
    ///     .fold(String::new(), |line, word| {
    ///         line.push(' ');
    ///         line.push_str(&word);
    ///     })
    ///     .map(|(length, line)| format!("{length}:{line}"))
    ///     .print();
    /// ```
    pub fn fold<V, F>(&self, initial: V, function: F) -> SingleOutputStream<(S::Key, V)>
    where
        V: Record + Sync,
        F: FnMut(&mut V, T) + Clone + Send + Sync + 'static,
    {
        let fold = move || Fold { initial: initial.clone(), function: function.clone() };
        self.aggregated("Keyed Aggregation", fold, || KeyAndValue)
    }

    /// Adds the records of each key to an accumulator. Emits the key with the result so far.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// #[derive(Clone)]
    /// struct Average;
    ///
    /// impl AggregateFunction<(u32, f64)> for Average {
    ///     type Accumulator = (f64, u64);
    ///     type Output = f64;
    ///
    ///     fn create(&self) -> (f64, u64) {
    ///         (0.0, 0)
    ///     }
    ///
    ///     fn add(&self, (sum, count): &mut (f64, u64), (_, value): (u32, f64)) {
    ///         *sum += value;
    ///         *count += 1;
    ///     }
    ///
    ///     fn result(&self, (sum, count): &(f64, u64)) -> f64 {
    ///         sum / *count as f64
    ///     }
    ///
    ///     fn merge(&self, (sum, count): &mut (f64, u64), other: (f64, u64)) {
    ///         *sum += other.0;
    ///         *count += other.1;
    ///     }
    /// }
    ///
    /// let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// readings.key_by(|(sensor, _)| *sensor).aggregate(Average).map(|(sensor, mean)| format!("{sensor} {mean}")).print();
    /// ```
    pub fn aggregate<F>(&self, function: F) -> SingleOutputStream<(S::Key, F::Output)>
    where
        F: AggregateFunction<T, Output: Record> + Clone + Send + Sync + 'static,
    {
        self.aggregated("Keyed Aggregation", move || Aggregate(function.clone()), || KeyAndValue)
    }

    /// Sums the field that `field` points to. The other fields are those of the key's first record.
    ///
    /// The sum is the `+=` of the field's type. That of Rust's integers panics on overflow, which fails the job, in a
    /// program built with overflow checks (`cargo build`), and wraps around in one without them (`--release`): take a
    /// type that is wide enough, or check in [`reduce`](Self::reduce).
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.generate(Some(1_000), |i| (i % 10, i)).key_by(|(key, _)| *key).sum(|(_, value)| value);
    /// ```
    pub fn sum<V, F>(&self, field: F) -> SingleOutputStream<T>
    where
        V: Copy + AddAssign,
        F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
    {
        self.reduce(move |total, mut record| {
            let value = *field(&mut record);
            *field(total) += value;
        })
    }

    /// Keeps the smallest value of the field that `field` points to. The other fields are those of the key's first
    /// record; for the whole record see [`min_by`](Self::min_by). A value that can't be compared, such as NaN, replaces
    /// none; as the first one it stays.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// readings.key_by(|(sensor, _)| *sensor).min(|(_, value)| value);
    /// ```
    pub fn min<V, F>(&self, field: F) -> SingleOutputStream<T>
    where
        V: Copy + PartialOrd,
        F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
    {
        self.reduce(move |least, mut record| {
            let value = *field(&mut record);
            let least = field(least);
            if value < *least {
                *least = value;
            }
        })
    }

    /// Keeps the largest value of the field that `field` points to. The other fields are those of the key's first
    /// record; for the whole record see [`max_by`](Self::max_by). A value that can't be compared, such as NaN, replaces
    /// none; as the first one it stays.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let readings = env.from_collection([(7, 20.5), (8, 19.0), (7, 21.5)]);
    /// readings.key_by(|(sensor, _)| *sensor).max(|(_, value)| value);
    /// ```
    pub fn max<V, F>(&self, field: F) -> SingleOutputStream<T>
    where
        V: Copy + PartialOrd,
        F: Fn(&mut T) -> &mut V + Clone + Send + Sync + 'static,
    {
        self.reduce(move |greatest, mut record| {
            let value = *field(&mut record);
            let greatest = field(greatest);
            if value > *greatest {
                *greatest = value;
            }
        })
    }

    /// Keeps the record for which `value` is the smallest, the first one if there are several. A value that can't be
    /// compared, such as NaN, replaces none; as the first one it stays.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let offers = env.from_collection([("tea", "Ann", 3), ("tea", "Bob", 2)].map(|(what, who, price)| {
    ///     (what.to_owned(), who.to_owned(), price)
    /// }));
    /// offers.key_by_ref(|(what, ..)| what).min_by(|(_, _, price)| *price).map(|(what, who, _)| format!("{what} {who}")).print();
    /// ```
    pub fn min_by<V, F>(&self, value: F) -> SingleOutputStream<T>
    where
        V: PartialOrd,
        F: Fn(&T) -> V + Clone + Send + Sync + 'static,
    {
        self.reduce(move |least, record| {
            if value(&record) < value(least) {
                *least = record;
            }
        })
    }

    /// Keeps the record for which `value` is the largest, the first one if there are several. A value that can't be
    /// compared, such as NaN, replaces none; as the first one it stays.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let bids = env.from_collection([("vase".to_owned(), 30), ("vase".to_owned(), 50)]);
    /// bids.key_by_ref(|(item, _)| item).max_by(|(_, bid)| *bid).map(|(item, bid)| format!("{item} {bid}")).print();
    /// ```
    pub fn max_by<V, F>(&self, value: F) -> SingleOutputStream<T>
    where
        V: PartialOrd,
        F: Fn(&T) -> V + Clone + Send + Sync + 'static,
    {
        self.reduce(move |greatest, record| {
            if value(&record) > value(greatest) {
                *greatest = record;
            }
        })
    }

    /// Counts the records of each key and emits the key with the count.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).key_by(|n| n % 10).count().map(|(key, count)| format!("{key} {count}")).print();
    /// ```
    pub fn count(&self) -> SingleOutputStream<(S::Key, u64)> {
        self.aggregated("Keyed Aggregation", || Count, || KeyAndValue)
    }
}
