use std::marker::PhantomData;

use flott_core::time::Timestamp;

use super::KeySelector;
use crate::{
    Batch, Mark, Output, Result, RuntimeContext,
    functions::{KeyedFunctionCore, KeyedProcessFunction, Opened},
    output::{Downstream, Flush},
};

/// Runs a [`KeyedProcessFunction`].
pub struct KeyedProcess<T, S: KeySelector<T>, F: KeyedProcessFunction<S::Key, T>> {
    selector: S,
    function: Opened<F>,
    core: KeyedFunctionCore<S::Key, F::Out>,
    record: PhantomData<fn(T)>,
}

impl<T, S: KeySelector<T>, F: KeyedProcessFunction<S::Key, T>> KeyedProcess<T, S, F> {
    /// Opens `function`, which emits into `next`.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn new(context: RuntimeContext, selector: S, function: F, next: Downstream<F::Out>) -> Result<Self> {
        let mut core = KeyedFunctionCore::new(context.clone(), next)?;
        let open = |function: &mut F| function.open(&mut core.open_context());
        let function = Opened::open(&context, function, open, F::close)?;
        core.restore()?;
        Ok(Self { selector, function, core, record: PhantomData })
    }
}

impl<T, S: KeySelector<T>, F: KeyedProcessFunction<S::Key, T>> Output<T> for KeyedProcess<T, S, F> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        {
            let Self { selector, function, core, .. } = self;
            let _scope = core.base.enter();
            core.begin_batch();
            for (record, timestamp) in batch.drain() {
                let mut context = core.at_record(selector, &record, timestamp);
                if let Err(error) = function.process(record, &mut context) {
                    return Err(core.base.failure(error));
                }
            }
        }
        self.core.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        let function = &mut self.function;
        self.core.mark(mark, |time, context| function.on_timer(time, context))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        let function = &mut self.function;
        self.core.on_processing_time(now, |time, context| function.on_timer(time, context))
    }

    fn end(&mut self) -> Result<()> {
        self.core.end()?;
        self.function.close()
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.core.flush(flush)
    }

    fn close(&mut self) -> Result<bool> {
        self.core.close()
    }

    fn checkpoint(&mut self, event: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        self.core.checkpoint(event)
    }
}

#[cfg(test)]
mod tests;
