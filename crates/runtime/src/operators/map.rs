use super::pass_on;
use crate::{Batch, BoxOutput, Output, Result, RuntimeContext, scope};

/// Turns each record into another one.
pub struct Map<F, U> {
    position: u32,
    function: F,
    buffer: Batch<U>,
    next: BoxOutput<U>,
}

impl<F, U> Map<F, U> {
    /// Maps with `function` and hands on to `next`.
    pub fn new(context: &RuntimeContext, function: F, next: BoxOutput<U>) -> Self {
        Self { position: context.position, function, buffer: Batch::new(), next }
    }
}

impl<T, U: Send, F: FnMut(T) -> U + Send> Output<T> for Map<F, U> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            self.buffer.records.extend(batch.records.drain(..).map(&mut self.function));
            self.buffer.timestamps.append(&mut batch.timestamps);
        }
        self.next.emit(&mut self.buffer)
    }

    pass_on!(mark, on_processing_time, end, flush, close, checkpoint);
}
