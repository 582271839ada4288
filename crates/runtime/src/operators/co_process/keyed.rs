use std::marker::PhantomData;

use flott_core::time::Timestamp;

use crate::{
    Batch, Mark, Result, RuntimeContext,
    functions::{KeyedCoProcessFunction, KeyedFunctionCore, Opened},
    input::TwoInputs,
    operators::KeySelector,
    output::{Downstream, Flush},
};

/// Runs a [`KeyedCoProcessFunction`]: state and timers are those of the key, from whichever input its record came.
pub struct KeyedCoProcess<A, B, L, R, F>
where
    L: KeySelector<A>,
    F: KeyedCoProcessFunction<L::Key, A, B>,
{
    // Closed before state and outputs go.
    function: Opened<F>,
    core: KeyedFunctionCore<L::Key, F::Out>,
    left_key: L,
    right_key: R,
    records: PhantomData<fn(A, B)>,
}

impl<A, B, L, R, F> KeyedCoProcess<A, B, L, R, F>
where
    L: KeySelector<A>,
    F: KeyedCoProcessFunction<L::Key, A, B>,
{
    /// Opens `function`, which emits into `next`.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn new(
        context: RuntimeContext,
        (left_key, right_key): (L, R),
        function: F,
        next: Downstream<F::Out>,
    ) -> Result<Self> {
        let mut core = KeyedFunctionCore::new(context.clone(), next)?;
        let open = |function: &mut F| function.open(&mut core.open_context());
        let function = Opened::open(&context, function, open, F::close)?;
        core.restore()?;
        Ok(Self { function, core, left_key, right_key, records: PhantomData })
    }
}

impl<A, B, L, R, F> TwoInputs<A, B> for KeyedCoProcess<A, B, L, R, F>
where
    L: KeySelector<A>,
    R: KeySelector<B, Key = L::Key>,
    F: KeyedCoProcessFunction<L::Key, A, B>,
{
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = self.core.base.enter();
            self.core.begin_batch();
            for (record, timestamp) in batch.drain() {
                let mut context = self.core.at_record(&self.left_key, &record, timestamp);
                if let Err(error) = self.function.process_left(record, &mut context) {
                    return Err(self.core.base.failure(error));
                }
            }
        }
        self.core.send()
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        {
            let _scope = self.core.base.enter();
            self.core.begin_batch();
            for (record, timestamp) in batch.drain() {
                let mut context = self.core.at_record(&self.right_key, &record, timestamp);
                if let Err(error) = self.function.process_right(record, &mut context) {
                    return Err(self.core.base.failure(error));
                }
            }
        }
        self.core.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.core.mark(mark, |time, context| self.function.on_timer(time, context))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.core.on_processing_time(now, |time, context| self.function.on_timer(time, context))
    }

    fn end(&mut self) -> Result<()> {
        self.function.close()?;
        self.core.end()
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
