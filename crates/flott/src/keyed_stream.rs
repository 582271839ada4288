use std::{ops::AddAssign, sync::Arc};

use flott_core::Partitioner;
use flott_runtime::{
    Record,
    operators::{Aggregation, Count, Emission, KeyAndValue, KeySelector, KeyedReduce, Reduce, ValueOnly},
    writer::Hash,
};

use crate::{
    DataStream, SingleOutputStream,
    graph::{BuildWriter, writer_by},
};

/// A stream whose records are grouped by key: all records of a key go to the same subtask.
///
/// In streaming mode an aggregate emits its key's new value for each record; in batch mode the final value of each key
/// at the end of the input.
pub struct KeyedStream<T, S> {
    stream: DataStream<T>,
    selector: S,
}

impl<T: Record, S: KeySelector<T>> KeyedStream<T, S> {
    pub(crate) fn new(stream: &DataStream<T>, selector: S) -> Self {
        let upstreams = stream
            .upstreams
            .iter()
            .map(|upstream| upstream.spread(Partitioner::Hash, hash_writer::<T, S>(selector.clone())))
            .collect();
        Self { stream: stream.with_upstreams(upstreams), selector }
    }

    fn aggregate<A, E>(
        &self,
        name: &str,
        aggregation: impl Fn() -> A + Send + Sync + 'static,
        emission: impl Fn() -> E + Send + Sync + 'static,
    ) -> SingleOutputStream<E::Record>
    where
        A: Aggregation<T> + 'static,
        E: Emission<S::Key, A::Value> + 'static,
    {
        let selector = self.selector.clone();
        self.stream.operator(name, move |context, next| {
            Ok(Box::new(KeyedReduce::new(&context, selector.clone(), aggregation(), emission(), next)))
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
        self.aggregate("Keyed Aggregation", move || Reduce(function.clone()), || ValueOnly)
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
    /// record. A value that can't be compared, such as NaN, replaces none; as the first one it stays.
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
    /// record. A value that can't be compared, such as NaN, replaces none; as the first one it stays.
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

    /// Counts the records of each key and emits the key with the count.
    pub fn count(&self) -> SingleOutputStream<(S::Key, u64)> {
        self.aggregate("Keyed Aggregation", || Count, || KeyAndValue)
    }
}

fn hash_writer<T: Record, S: KeySelector<T>>(selector: S) -> Arc<BuildWriter> {
    writer_by::<T, _>(move |_, target| Hash::new(selector.clone(), target.parallelism, target.max_parallelism))
}
