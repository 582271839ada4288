use flott_core::time::Timestamp;

use super::pass_on;
use crate::{
    Batch, BoxOutput, Output, Result, RuntimeContext,
    output::{Downstream, SideOutputs},
    scope,
};

/// Takes what a function emits.
pub struct Collector<'a, U> {
    downstream: &'a mut Downstream<U>,
    timestamp: Timestamp,
}

impl<'a, U> Collector<'a, U> {
    /// Emits into `downstream`, all records with this timestamp.
    #[inline]
    pub fn new(downstream: &'a mut Downstream<U>, timestamp: Timestamp) -> Self {
        Self { downstream, timestamp }
    }

    /// Emits a record. It has the timestamp of the record that is processed.
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.downstream.emit(record, self.timestamp);
    }
}

impl<U> Extend<U> for Collector<'_, U> {
    fn extend<I: IntoIterator<Item = U>>(&mut self, records: I) {
        for record in records {
            self.emit(record);
        }
    }
}

/// Turns each record into any number of others.
pub struct FlatMap<F, U> {
    position: u32,
    function: F,
    next: Downstream<U>,
}

impl<F, U> FlatMap<F, U> {
    /// Maps with `function` and hands on to `next`.
    pub fn new(context: &RuntimeContext, function: F, next: BoxOutput<U>) -> Self {
        Self { position: context.position, function, next: Downstream::new(next, SideOutputs::default()) }
    }
}

impl<T, U: Send, F: FnMut(T, &mut Collector<'_, U>) + Send> Output<T> for FlatMap<F, U> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            for (record, timestamp) in batch.drain() {
                (self.function)(record, &mut Collector::new(&mut self.next, timestamp));
            }
        }
        self.next.send()
    }

    pass_on!(mark, on_processing_time, end, flush, close, checkpoint);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BATCH_RECORDS, Mark, TaskEnd,
        output::Flush,
        testing::{Collected, Event, operator},
    };

    /// Takes one batch.
    struct Full {
        batches: usize,
    }

    impl Output<u64> for Full {
        fn emit(&mut self, batch: &mut Batch<u64>) -> Result<()> {
            self.batches += 1;
            batch.clear();
            if self.batches > 1 { Err(TaskEnd::Canceled) } else { Ok(()) }
        }

        fn mark(&mut self, _: Mark) -> Result<()> {
            Ok(())
        }

        fn on_processing_time(&mut self, _: Timestamp) -> Result<()> {
            Ok(())
        }

        fn end(&mut self) -> Result<()> {
            Ok(())
        }

        fn flush(&mut self, _: Flush) -> Result<()> {
            Ok(())
        }

        fn close(&mut self) -> Result<bool> {
            Ok(true)
        }

        fn checkpoint(&mut self, _: &mut crate::CheckpointEvent<'_>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_one_record_becomes_goes_on_batch_by_batch() {
        let output = Collected::default();
        let mut flat_map = FlatMap::new(
            &operator("Flat Map"),
            |count: u64, out: &mut Collector<'_, u64>| out.extend(0..count),
            Box::new(output.clone()),
        );
        flat_map.emit(&mut vec![BATCH_RECORDS as u64 + 1, 1].into()).unwrap();
        let sizes: Vec<_> = output
            .events()
            .iter()
            .map(|event| if let Event::Batch(records) = event { records.len() } else { 0 })
            .collect();
        assert_eq!(sizes, [BATCH_RECORDS, 2]);
    }

    #[test]
    fn a_function_without_end_is_left_when_the_task_ends() {
        let mut flat_map = FlatMap::new(
            &operator("Flat Map"),
            |_: u64, out: &mut Collector<'_, u64>| {
                loop {
                    out.emit(1);
                }
            },
            Box::new(Full { batches: 0 }),
        );
        let end = scope::catch(&[], || flat_map.emit(&mut vec![1].into()));
        assert!(matches!(end, Err(TaskEnd::Canceled)), "{end:?}");
    }
}
