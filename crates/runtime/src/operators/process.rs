use std::marker::PhantomData;

use flott_core::time::Timestamp;

use crate::{
    Batch, Mark, Output, Result, RuntimeContext,
    functions::{FunctionCore, Opened, ProcessFunction},
    output::{Downstream, Flush},
};

/// Runs a [`ProcessFunction`].
pub struct Process<T, F: ProcessFunction<T>> {
    function: Opened<F>,
    core: FunctionCore<F::Out>,
    record: PhantomData<fn(T)>,
}

impl<T, F: ProcessFunction<T>> Process<T, F> {
    /// Opens `function`, which emits into `next`.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn new(context: RuntimeContext, function: F, next: Downstream<F::Out>) -> Result<Self> {
        let operator = context.clone();
        let mut core = FunctionCore::new(context, next)?;
        let open = |function: &mut F| function.open(&mut core.open_context());
        let function = Opened::open(&operator, function, open, F::close)?;
        Ok(Self { function, core, record: PhantomData })
    }
}

impl<T, F: ProcessFunction<T>> Output<T> for Process<T, F> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                if let Err(error) = self.function.process(record, &mut self.core.context(timestamp)) {
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
        self.core.output.end()?;
        self.function.close()
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

#[cfg(test)]
mod tests;
