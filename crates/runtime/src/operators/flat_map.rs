use flott_exchange::BATCH_RECORDS;

use super::pass_on;
use crate::{BoxOutput, OperatorContext, Output, Result, TaskEnd, scope};

/// Takes what a flat-map function emits.
pub struct Collector<'a, U> {
    buffer: &'a mut Vec<U>,
    next: &'a mut dyn Output<U>,
    /// Set once the rest of the chain has failed; what comes after that is dropped.
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
            *self.end = Some(end);
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
