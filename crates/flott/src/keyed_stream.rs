mod process;
mod rolling;
#[cfg(test)]
mod tests;

use std::{ops::Deref, sync::Arc};

use flott_core::Partitioner;
use flott_runtime::{Record, operators::KeySelector, writer::Hash};

use crate::{
    DataStream,
    graph::{BuildWriter, writer_by},
};

/// A stream whose records are grouped by key: all records of a key go to the same subtask.
///
/// It is a [`DataStream`] too: what is called on it as on any stream, such as `map`, gets the records of a key in one
/// subtask as well.
///
/// In streaming mode an aggregate emits its key's new value for each record; in batch mode the final value of each key
/// at the end of the input.
///
/// ```
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// let by_last_digit = env.from_sequence(1, 100).key_by(|n| n % 10);
/// by_last_digit.reduce(|sum, n| *sum += n).print();
/// by_last_digit.map(|n| n * 2).print();
/// ```
pub struct KeyedStream<T, S> {
    pub(crate) stream: DataStream<T>,
    pub(crate) selector: S,
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
}

impl<T, S> Deref for KeyedStream<T, S> {
    type Target = DataStream<T>;

    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T: Record, S: KeySelector<T>> Clone for KeyedStream<T, S> {
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone(), selector: self.selector.clone() }
    }
}

fn hash_writer<T: Record, S: KeySelector<T>>(selector: S) -> Arc<BuildWriter> {
    writer_by::<T, _>(move |_, target| {
        Hash::new(selector.clone(), target.parallelism, target.max_parallelism)
    })
}
