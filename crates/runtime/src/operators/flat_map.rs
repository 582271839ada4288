use flott_exchange::BATCH_RECORDS;

use super::pass_on;
use crate::{BoxOutput, OperatorContext, Output, Result, TaskEnd, scope};

/// Takes what a flat-map function emits.
pub struct Collector<'a, U> {
    buffer: &'a mut Vec<U>,
    next: &'a mut dyn Output<U>,
    /// Set once the rest of the chain has failed and the function could not be left; what comes after that is dropped.
    end: &'a mut Option<TaskEnd>,
}

impl<U> Collector<'_, U> {
    /// Emits a record.
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.buffer.push(record);
        // A record that becomes millions must not fill the memory before it is done.
        if self.buffer.len() >= BATCH_RECORDS {
            self.pass_on();
        }
    }

    #[cold]
    fn pass_on(&mut self) {
        if self.end.is_some() {
            self.buffer.clear();
        } else if let Err(end) = self.next.emit(self.buffer) {
            // The function may go on for ever.
            *self.end = Some(scope::unwind_with(end));
        }
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
    buffer: Vec<U>,
    next: BoxOutput<U>,
}

impl<F, U> FlatMap<F, U> {
    /// Maps with `function` and hands on to `next`.
    pub fn new(context: &OperatorContext, function: F, next: BoxOutput<U>) -> Self {
        Self { position: context.position, function, buffer: Vec::with_capacity(BATCH_RECORDS), next }
    }
}

impl<T, U: Send, F: FnMut(T, &mut Collector<'_, U>) + Send> Output<T> for FlatMap<F, U> {
    fn emit(&mut self, batch: &mut Vec<T>) -> Result<()> {
        let mut end = None;
        {
            let _scope = scope::enter(self.position);
            let mut collector =
                Collector { buffer: &mut self.buffer, next: self.next.as_mut(), end: &mut end };
            for record in batch.drain(..) {
                (self.function)(record, &mut collector);
            }
        }
        match end {
            Some(end) => Err(end),
            None => self.next.emit(&mut self.buffer),
        }
    }

    pass_on!(end, flush, close);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::Flush,
        testing::{Collected, Event, operator},
    };

    /// Takes one batch.
    struct Full {
        batches: usize,
    }

    impl Output<u64> for Full {
        fn emit(&mut self, batch: &mut Vec<u64>) -> Result<()> {
            self.batches += 1;
            batch.clear();
            if self.batches > 1 { Err(TaskEnd::Canceled) } else { Ok(()) }
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
    }

    #[test]
    fn what_one_record_becomes_goes_on_batch_by_batch() {
        let output = Collected::default();
        let mut flat_map = FlatMap::new(
            &operator("Flat Map"),
            |count: u64, out: &mut Collector<'_, u64>| out.extend(0..count),
            Box::new(output.clone()),
        );
        flat_map.emit(&mut vec![BATCH_RECORDS as u64 + 1, 1]).unwrap();
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
        let end = scope::catch(&[], || flat_map.emit(&mut vec![1]));
        assert!(matches!(end, Err(TaskEnd::Canceled)), "{end:?}");
    }
}
