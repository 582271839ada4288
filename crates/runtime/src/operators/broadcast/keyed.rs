use std::{marker::PhantomData, sync::Arc};

use flott_core::time::Timestamp;
use flott_state::OperatorState;

use super::{checkpoint_broadcast, restore_broadcast};
use crate::{
    Batch, CheckpointEvent, Mark, Result, RuntimeContext,
    functions::{
        BroadcastOnTimerContext, BroadcastOpenContext, KeyedBroadcastProcessFunction,
        KeyedBroadcastReadContext, KeyedBroadcastWriteContext, KeyedFunctionCore, Opened,
    },
    input::TwoInputs,
    operators::KeySelector,
    output::{Downstream, Flush},
};

/// Runs a [`KeyedBroadcastProcessFunction`]; the first input is the keyed one, the second the broadcast one.
pub struct KeyedBroadcastProcess<A, B, S, F>
where
    S: KeySelector<A>,
    F: KeyedBroadcastProcessFunction<S::Key, A, B>,
{
    // Closed before state and outputs go.
    function: Opened<F>,
    core: KeyedFunctionCore<S::Key, F::Out>,
    broadcast: OperatorState,
    selector: S,
    records: PhantomData<fn(A, B)>,
}

impl<A, B, S, F> KeyedBroadcastProcess<A, B, S, F>
where
    S: KeySelector<A>,
    F: KeyedBroadcastProcessFunction<S::Key, A, B>,
{
    /// Opens `function`, which may register broadcast states of these names and emits into `next`.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn new(
        context: RuntimeContext,
        names: &[Arc<str>],
        selector: S,
        function: F,
        next: Downstream<F::Out>,
    ) -> Result<Self> {
        let mut core = KeyedFunctionCore::new(context.clone(), next)?;
        let mut broadcast = OperatorState::new();
        let open = |function: &mut F| {
            function.open(&mut BroadcastOpenContext::new(core.open_context(), &mut broadcast, names))
        };
        let function = Opened::open(&context, function, open, F::close)?;
        core.restore()?;
        restore_broadcast(&context, &mut broadcast)?;
        Ok(Self { function, core, broadcast, selector, records: PhantomData })
    }
}

impl<A, B, S, F> TwoInputs<A, B> for KeyedBroadcastProcess<A, B, S, F>
where
    S: KeySelector<A>,
    F: KeyedBroadcastProcessFunction<S::Key, A, B>,
{
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = self.core.base.enter();
            self.core.begin_batch();
            for (record, timestamp) in batch.drain() {
                let context = self.core.at_record(&self.selector, &record, timestamp);
                let mut context = KeyedBroadcastReadContext::new(context, &self.broadcast);
                if let Err(error) = self.function.process(record, &mut context) {
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
                let mut context =
                    KeyedBroadcastWriteContext::new(&mut self.core, &mut self.broadcast, timestamp);
                if let Err(error) = self.function.process_broadcast(record, &mut context) {
                    return Err(self.core.base.failure(error));
                }
            }
        }
        self.core.send()
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.core.mark(mark, |time, timer| {
            self.function.on_timer(time, &mut BroadcastOnTimerContext::new(timer, &self.broadcast))
        })
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.core.on_processing_time(now, |time, timer| {
            self.function.on_timer(time, &mut BroadcastOnTimerContext::new(timer, &self.broadcast))
        })
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

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        checkpoint_broadcast(&self.core.base.operator, &self.broadcast, event)?;
        self.core.checkpoint(event)
    }
}
