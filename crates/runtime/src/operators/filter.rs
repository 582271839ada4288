use super::pass_on;
use crate::{Batch, BoxOutput, Output, Result, RuntimeContext, scope};

/// Lets through the records for which a predicate holds.
pub struct Filter<F, T> {
    position: u32,
    predicate: F,
    next: BoxOutput<T>,
}

impl<F, T> Filter<F, T> {
    /// Filters by `predicate` and hands on to `next`.
    pub fn new(context: &RuntimeContext, predicate: F, next: BoxOutput<T>) -> Self {
        Self { position: context.position, predicate, next }
    }
}

impl<T, F: FnMut(&T) -> bool + Send> Output<T> for Filter<F, T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            batch.retain(&mut self.predicate);
        }
        if batch.is_empty() { Ok(()) } else { self.next.emit(batch) }
    }

    pass_on!(mark, on_processing_time, end, flush, close, checkpoint);
}
