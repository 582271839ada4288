//! Functions over a stream and a broadcast stream, with and without keys.

mod keyed;
#[cfg(test)]
mod tests;

use std::{marker::PhantomData, sync::Arc};

use flott_core::{job_config::RuntimeMode, time::Timestamp};
use flott_state::{OperatorState, StoredState};

pub use self::keyed::KeyedBroadcastProcess;
use crate::{
    Batch, CheckpointEvent, EventKind, Mark, Redistribution, Result, RuntimeContext,
    functions::{
        BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext, BroadcastWriteContext,
        FunctionCore, Opened,
    },
    input::TwoInputs,
    operators::{restore_failure, state_failure},
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
        let operator = context.clone();
        let mut core = FunctionCore::new(context, next)?;
        let mut broadcast = OperatorState::new();
        let open = |function: &mut F| {
            function.open(&mut BroadcastOpenContext::new(core.open_context(), &mut broadcast, names))
        };
        let function = Opened::open(&operator, function, open, F::close)?;
        restore_broadcast(&core.operator, &mut broadcast)?;
        Ok(Self { function, core, broadcast, records: PhantomData })
    }
}

/// The name of the broadcast states in checkpoints.
const BROADCAST: &str = "broadcast";

/// Adds the broadcast states, of which every subtask has the same, to a checkpoint.
fn checkpoint_broadcast(
    context: &RuntimeContext,
    states: &OperatorState,
    event: &mut CheckpointEvent<'_>,
) -> Result<()> {
    let EventKind::Barrier(_) = event.kind() else { return Ok(()) };
    let stored = states.store().map_err(|error| state_failure(context, &error))?;
    event.operator(context).list::<StoredState, _>(BROADCAST, Redistribution::Broadcast, || stored)
}

/// Puts the broadcast states of a checkpoint back.
fn restore_broadcast(context: &RuntimeContext, states: &mut OperatorState) -> Result<()> {
    for stored in context.restored().list::<StoredState>(BROADCAST)? {
        states.restore(stored).map_err(|error| restore_failure(context, &error))?;
    }
    Ok(())
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

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        checkpoint_broadcast(&self.core.operator, &self.broadcast, event)?;
        self.core.checkpoint(event)
    }

    /// In batch mode the broadcast state is complete before the first record is judged by it, as in Flink.
    fn takes_right_first(&self) -> bool {
        self.core.operator.task.runtime_mode == RuntimeMode::Batch
    }
}
