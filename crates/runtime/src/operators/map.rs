use super::pass_on;
use crate::{BoxOutput, OperatorContext, Output, Result, scope};

/// Turns each record into another one.
pub struct Map<F, U> {
    position: u32,
    function: F,
    buffer: Vec<U>,
    next: BoxOutput<U>,
}

impl<F, U> Map<F, U> {
    /// Maps with `function` and hands on to `next`.
    pub fn new(context: &OperatorContext, function: F, next: BoxOutput<U>) -> Self {
        Self { position: context.position, function, buffer: Vec::new(), next }
    }
}

impl<T, U: Send, F: FnMut(T) -> U + Send> Output<T> for Map<F, U> {
    fn emit(&mut self, batch: &mut Vec<T>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            self.buffer.extend(batch.drain(..).map(&mut self.function));
        }
        self.next.emit(&mut self.buffer)
    }

    pass_on!(end, flush, close);
}
