//! A sink that counts records and sums a number of each.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use flott::{Batch, BoxError, NoCommittable, RuntimeContext, Sink, SinkWriter};

use crate::measure::Answer;

/// Sums `number` over all records of all subtasks of this process.
pub(crate) struct ChecksumSink<F> {
    number: F,
    total: Arc<Total>,
}

/// What has reached the sink.
#[derive(Default)]
pub(crate) struct Total {
    records: AtomicU64,
    sum: AtomicU64,
}

impl Total {
    pub(crate) fn answer(&self) -> Answer {
        Answer { records: self.records.load(Relaxed), checksum: self.sum.load(Relaxed) }
    }
}

impl<F> ChecksumSink<F> {
    pub(crate) fn new(total: Arc<Total>, number: F) -> Self {
        Self { number, total }
    }
}

pub(crate) struct ChecksumWriter<F> {
    number: F,
    total: Arc<Total>,
}

impl<T: 'static, F: Fn(&T) -> u64 + Clone + Send + Sync + 'static> Sink<T> for ChecksumSink<F> {
    type Writer = ChecksumWriter<F>;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<ChecksumWriter<F>, BoxError> {
        Ok(ChecksumWriter { number: self.number.clone(), total: self.total.clone() })
    }
}

impl<T, F: Fn(&T) -> u64 + Send> SinkWriter<T> for ChecksumWriter<F> {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        let sum = batch.records.iter().map(&self.number).fold(0, u64::wrapping_add);
        self.total.records.fetch_add(batch.len() as u64, Relaxed);
        self.total.sum.fetch_add(sum, Relaxed);
        batch.clear();
        Ok(())
    }
}
