//! Functions over two inputs, with and without keys.

mod keyed;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use flott_core::time::Timestamp;

pub use self::keyed::KeyedCoProcess;
use crate::{
    Batch, Mark, Result, RuntimeContext,
    functions::{CoProcessFunction, FunctionCore, Opened},
    input::TwoInputs,
    output::{Downstream, Flush},
};

/// Runs a [`CoProcessFunction`].
pub struct CoProcess<A, B, F: CoProcessFunction<A, B>> {
    // Closed before the outputs go.
    function: Opened<F>,
    core: FunctionCore<F::Out>,
    records: PhantomData<fn(A, B)>,
}

impl<A, B, F: CoProcessFunction<A, B>> CoProcess<A, B, F> {
    /// Opens `function`, which emits into `next`.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn new(context: RuntimeContext, function: F, next: Downstream<F::Out>) -> Result<Self> {
        let operator = context.clone();
        let mut core = FunctionCore::new(context, next)?;
        let open = |function: &mut F| function.open(&mut core.open_context());
        let function = Opened::open(&operator, function, open, F::close)?;
        Ok(Self { function, core, records: PhantomData })
    }
}

impl<A, B, F: CoProcessFunction<A, B>> TwoInputs<A, B> for CoProcess<A, B, F> {
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                if let Err(error) = self.function.process_left(record, &mut self.core.context(timestamp)) {
                    return Err(self.core.failure(error));
                }
            }
        }
        self.core.output.send()
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                if let Err(error) = self.function.process_right(record, &mut self.core.context(timestamp)) {
                    return Err(self.core.failure(error));
                }
            }
        }
        self.core.output.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.core.mark(mark)
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.core.output.on_processing_time(now)
    }

    fn end(&mut self) -> Result<()> {
        self.function.close()?;
        self.core.output.end()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.core.output.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.core.output.close()
    }

    fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        self.core.checkpoint(event)
    }
}
