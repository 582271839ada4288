//! Aggregation by key.

mod aggregation;
#[cfg(test)]
mod tests;

use flott_core::{hash::stable_hash, job_config::RuntimeMode, time::Timestamp};
use flott_exchange::BATCH_RECORDS;
use flott_state::KeyedTable;

pub use self::aggregation::{Aggregate, Aggregation, Count, Fold, Reduce};
use super::{KeySelector, pass_on};
use crate::{Batch, BoxOutput, CheckpointEvent, Mark, Output, Record, Result, RuntimeContext, scope};

/// What is emitted for a key.
pub trait Emission<K, V>: Send {
    /// The emitted record.
    type Record: Record;

    /// The record for a key and its value.
    fn record(&self, key: &K, value: V) -> Self::Record;
}

/// Emits the value alone.
pub struct ValueOnly;

impl<K, V: Record> Emission<K, V> for ValueOnly {
    type Record = V;

    #[inline]
    fn record(&self, _: &K, value: V) -> V {
        value
    }
}

/// Emits key and value.
pub struct KeyAndValue;

impl<K: Record, V: Record> Emission<K, V> for KeyAndValue {
    type Record = (K, V);

    #[inline]
    fn record(&self, key: &K, value: V) -> (K, V) {
        (key.clone(), value)
    }
}

/// Aggregates the records of each key. In streaming mode each record gives its key's new value, in batch mode each key
/// gives its final value at the last watermark, with [`Timestamp::MAX`] as Flink's do: the timestamp of the last timer.
pub struct KeyedReduce<T, S: KeySelector<T>, A: Aggregation<T>, E: Emission<S::Key, A::Result>> {
    context: RuntimeContext,
    selector: S,
    aggregation: A,
    emission: E,
    values: KeyedTable<S::Key, A::Value>,
    emits_updates: bool,
    buffer: Batch<E::Record>,
    next: BoxOutput<E::Record>,
}

impl<T, S: KeySelector<T>, A: Aggregation<T>, E: Emission<S::Key, A::Result>> KeyedReduce<T, S, A, E> {
    /// Aggregates and hands on to `next`.
    pub fn new(
        context: RuntimeContext,
        selector: S,
        aggregation: A,
        emission: E,
        next: BoxOutput<E::Record>,
    ) -> Result<Self> {
        let task = &context.task;
        let mut values = KeyedTable::new(task.subtask, task.parallelism, task.max_parallelism);
        context.restored().keyed("values", &mut values)?;
        Ok(Self {
            selector,
            aggregation,
            emission,
            values,
            emits_updates: task.runtime_mode != RuntimeMode::Batch,
            buffer: Batch::with_capacity(BATCH_RECORDS),
            next,
            context,
        })
    }

    /// Adds a record; gives its key's value if updates are emitted.
    #[inline]
    fn add(&mut self, record: T, timestamp: Timestamp) {
        let Self { selector, aggregation, emission, values, .. } = self;
        let (hash, found) = selector.with(&record, |key| {
            let hash = stable_hash(key);
            (hash, values.get_entry_mut(hash, key).ok_or_else(|| key.clone()))
        });
        let (key, value) = match found {
            Ok((key, value)) => {
                aggregation.add(value, record);
                (key, value)
            }
            Err(key) => values.insert(hash, key, aggregation.first(record)),
        };
        if self.emits_updates {
            self.buffer.push(emission.record(key, aggregation.result(value)), timestamp);
        }
    }
}

impl<T, S, A, E> Output<T> for KeyedReduce<T, S, A, E>
where
    T: Send,
    S: KeySelector<T>,
    A: Aggregation<T>,
    E: Emission<S::Key, A::Result>,
{
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.context.position);
            for (record, timestamp) in batch.drain() {
                self.add(record, timestamp);
            }
        }
        if self.emits_updates { self.next.emit(&mut self.buffer) } else { Ok(()) }
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        // Before the watermark goes on: behind it, the results would be late.
        if !self.emits_updates && mark == Mark::Watermark(Timestamp::MAX) {
            let _scope = scope::enter(self.context.position);
            for (key, value) in self.values.drain() {
                let result = self.aggregation.last_result(value);
                self.buffer.push(self.emission.record(&key, result), Timestamp::MAX);
                if self.buffer.len() >= BATCH_RECORDS {
                    self.next.emit(&mut self.buffer)?;
                }
            }
            self.next.emit(&mut self.buffer)?;
        }
        self.next.mark(mark)
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        event.operator(&self.context).keyed("values", &mut self.values)?;
        self.next.checkpoint(event)
    }

    pass_on!(on_processing_time, end, flush, close);
}
