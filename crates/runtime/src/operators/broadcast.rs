//! Functions over a stream and a broadcast stream, with and without keys.

mod keyed;
#[cfg(test)]
mod tests;

use std::{marker::PhantomData, sync::Arc};

use flott_core::{job_config::RuntimeMode, time::Timestamp};
use flott_state::OperatorState;

pub use self::keyed::KeyedBroadcastProcess;
use crate::{
    Batch, Mark, Result, RuntimeContext,
    functions::{
        BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext, BroadcastWriteContext,
        FunctionCore, Opened,
    },
    input::TwoInputs,
    output::{Downstream, Flush},
};

/// Runs a [`BroadcastProcessFunction`]; the second input is the broadcast one.
pub struct BroadcastProcess<A, B, F: BroadcastProcessFunction<A, B>> {
    // Closed before state and outputs go.
    function: Opened<F>,
    core: FunctionCore<F::Out>,
    broadcast: OperatorState,
    records: PhantomData<fn(A, B)>,
}

impl<A, B, F: BroadcastProcessFunction<A, B>> BroadcastProcess<A, B, F> {
    /// Opens `function`, which may register broadcast states of these names and emits into `next`.
    ///
    /// # Errors
    /// The failure of the task if `open` fails.
    pub fn new(
        context: RuntimeContext,
        names: &[Arc<str>],
        function: F,
        next: Downstream<F::Out>,
    ) -> Result<Self> {
        let core = FunctionCore::new(context, next);
        let mut broadcast = OperatorState::new();
        let open = |function: &mut F| {
            function.open(&mut BroadcastOpenContext::new(core.open_context(), &mut broadcast, names))
        };
        let function = Opened::open(&core.operator, function, open, F::close)?;
        Ok(Self { function, core, broadcast, records: PhantomData })
    }
}

impl<A, B, F: BroadcastProcessFunction<A, B>> TwoInputs<A, B> for BroadcastProcess<A, B, F> {
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = self.core.enter();
            for (record, timestamp) in batch.drain() {
                let mut context = BroadcastReadContext::new(self.core.context(timestamp), &self.broadcast);
                if let Err(error) = self.function.process(record, &mut context) {
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
                let mut context =
                    BroadcastWriteContext::new(self.core.context(timestamp), &mut self.broadcast);
                if let Err(error) = self.function.process_broadcast(record, &mut context) {
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
        self.core.output.checkpoint(event)
    }

    /// In batch mode the broadcast state is complete before the first record is judged by it, as in Flink.
    fn takes_right_first(&self) -> bool {
        self.core.operator.task.runtime_mode == RuntimeMode::Batch
    }
}
