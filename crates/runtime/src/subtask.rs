//! The loop of one subtask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{
    CheckpointId, ExecutionState, FailureCause, checkpoint::StopMode, job_config::RuntimeMode,
    time::Timestamp,
};
use flott_rpc::protocol::CheckpointOutcome;

use crate::{
    ProcessingClock, RestoredTask, Result, TaskCommand, TaskCounters, TaskEnd, TaskSignals, VertexProgram,
    checkpoint::{Restores, Stop, TaskCheckpoints, start_delay_ms},
    counters::{Phase, now},
    input::{Step, TaskInput},
    output::Flush,
    program::TaskBuilder,
    scope,
};

/// Steps after which the subtask yields to the others of its thread. A step is a batch, so this is a fraction of a
/// millisecond to a few.
const STEPS_PER_TURN: u32 = 16;
/// Time after which it yields even before, if its functions are slow.
const TURN_LIMIT: Duration = Duration::from_millis(5);
/// How long a subtask without input waits for room to write more of a snapshot.
const WRITE_PAUSE: Duration = Duration::from_millis(2);

/// What the loop tells of its progress.
pub(crate) trait TaskListener: Send + Sync {
    /// The subtask is in a new state; `cause` is set if it has failed.
    fn on_state(&self, state: ExecutionState, cause: Option<FailureCause>);

    /// It has done its part of a checkpoint, or can't.
    fn on_checkpoint(&self, id: CheckpointId, outcome: CheckpointOutcome);

    /// It can't end before a checkpoint is complete that begins from now on.
    fn on_awaits_checkpoint(&self);
}

/// Runs a subtask to its end.
pub(crate) async fn run(
    vertex: &VertexProgram,
    mut builder: TaskBuilder,
    restores: Restores,
    checkpoints: TaskCheckpoints,
    buffer_timeout: Duration,
    listener: Arc<dyn TaskListener>,
) {
    let operators = builder.operators().to_vec();
    let signals = builder.signals().clone();
    let counters = builder.task().counters.clone();
    let clock = builder.task().clock.clone();
    let is_batch = builder.task().runtime_mode == RuntimeMode::Batch;
    listener.on_state(ExecutionState::Initializing, None);
    let restored = restores.load(&builder, &checkpoints);
    let result = match make(vertex, &mut builder, restored).await {
        Ok((input, restored)) => {
            listener.on_state(ExecutionState::Running, None);
            let listener = listener.clone();
            let end = if restored.finished { End::Silent } else { End::Whole };
            let parts = Loop {
                input,
                operators,
                signals,
                counters,
                clock,
                is_batch,
                buffer_timeout,
                checkpoints,
                listener,
                end,
                has_ended: false,
            };
            parts.run(restored.watermark).await
        }
        Err(end) => Err(end),
    };
    match result {
        Ok(()) => listener.on_state(ExecutionState::Finished, None),
        Err(TaskEnd::Canceled) => listener.on_state(ExecutionState::Canceled, None),
        Err(TaskEnd::Failed(cause)) => listener.on_state(ExecutionState::Failed, Some(*cause)),
    }
}

/// Where a subtask begins.
struct Restored {
    watermark: Timestamp,
    /// Whether all its input had been processed.
    finished: bool,
}

/// Makes the input and its chain, with what they had in a checkpoint.
async fn make(
    vertex: &VertexProgram,
    builder: &mut TaskBuilder,
    restored: impl Future<Output = Result<RestoredTask>>,
) -> Result<(Box<dyn TaskInput>, Restored)> {
    let task = restored.await?;
    let restored = Restored { watermark: task.watermark(), finished: task.is_finished() };
    builder.restore(task)?;
    let operators = builder.operators().to_vec();
    let input = scope::catch(&operators, || (vertex.build)(builder))?;
    // What was read for the restore is not needed any more.
    builder.restore(Default::default())?;
    Ok((input, restored))
}

/// What is still to be done at the end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The chain is told, and does what depends on the end.
    Whole,
    /// Nothing: it was done before.
    Silent,
}

struct Loop {
    input: Box<dyn TaskInput>,
    operators: Vec<String>,
    signals: Arc<TaskSignals>,
    counters: Arc<TaskCounters>,
    clock: ProcessingClock,
    is_batch: bool,
    buffer_timeout: Duration,
    checkpoints: TaskCheckpoints,
    listener: Arc<dyn TaskListener>,
    end: End,
    /// Whether all input was processed, for good.
    has_ended: bool,
}

impl Loop {
    /// Calls into user code.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn TaskInput) -> Result<T>) -> Result<T> {
        let input = self.input.as_mut();
        scope::catch(&self.operators, || call(input))
    }

    async fn run(mut self, watermark: Timestamp) -> Result<()> {
        let result = self.process(watermark).await;
        // What users have given us may panic when it is dropped, too.
        let Self { input, operators, .. } = self;
        result.and(scope::catch(&operators, || {
            drop(input);
            Ok(())
        }))
    }

    async fn process(&mut self, watermark: Timestamp) -> Result<()> {
        if watermark > Timestamp::MIN {
            self.guarded(|input| input.restore_watermark(watermark))?;
        }
        let mut last_flush = now();
        let mut turn_began = last_flush;
        let mut steps = 0;
        loop {
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            self.take_commands()?;
            if self.signals.is_held_back() {
                self.guarded(|input| input.flush(Flush::Held))?;
                if self.signals.is_held_back() {
                    match self.guarded(|input| input.urgent_barrier())? {
                        Some(step) => self.take_barrier(step).await?,
                        None => {
                            let due = self.input.alignment_due();
                            self.wait(Phase::Backpressured, due).await?;
                        }
                    }
                    continue;
                }
            }
            if let Some(now) = self.clock.take_due() {
                self.guarded(|input| input.on_processing_time(now))?;
            }
            match self.guarded(|input| input.step())? {
                Step::Worked => {
                    steps += 1;
                    let time = now();
                    if time - last_flush >= self.buffer_timeout {
                        self.guarded(|input| input.flush(Flush::All))?;
                        last_flush = time;
                    }
                    if self.checkpoints.is_writing() {
                        self.write_snapshot()?;
                    }
                    if steps >= STEPS_PER_TURN || time - turn_began >= TURN_LIMIT {
                        self.counters.enter(Phase::Busy);
                        tokio::task::yield_now().await;
                        turn_began = now();
                        steps = 0;
                    }
                }
                step @ Step::Barrier(..) => self.take_barrier(step).await?,
                Step::Idle(until) => {
                    // The latency of a quiet stream is best if nothing waits for a batch to fill up.
                    self.guarded(|input| input.flush(Flush::All))?;
                    last_flush = now();
                    if !self.signals.is_held_back() {
                        self.wait(Phase::Idle, until).await?;
                    }
                }
                Step::Ended => break,
            }
        }
        self.finish().await
    }

    /// Emits what the end of the input brings, sends everything, and closes the channels.
    async fn finish(&mut self) -> Result<()> {
        loop {
            self.take_commands()?;
            // Behind a savepoint with which the job stops this is the end for good only if the savepoint has failed.
            if !self.has_ended && self.checkpoints.stop() == Stop::None {
                self.has_ended = true;
                if self.end == End::Whole {
                    self.end_input()?;
                }
            }
            self.guarded(|input| input.flush(Flush::All))?;
            // No data comes any more, but barriers may: producers that wait for a checkpoint are still there.
            if let step @ Step::Barrier(..) = self.guarded(|input| input.step())? {
                self.take_barrier(step).await?;
                continue;
            }
            let may_close = self.has_ended || self.checkpoints.stop() == Stop::Complete;
            if may_close && !self.signals.is_held_back() && self.guarded(|input| input.close())? {
                break;
            }
            if self.signals.take_awaits_checkpoint() {
                self.listener.on_awaits_checkpoint();
            }
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            self.wait(Phase::Backpressured, None).await?;
        }
        // Whoever has finished counts as part of all checkpoints, so those that were begun must be whole.
        while self.checkpoints.is_busy() {
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            self.take_commands()?;
            self.wait(Phase::Busy, None).await?;
        }
        self.counters.enter(Phase::Busy);
        Ok(())
    }

    fn end_input(&mut self) -> Result<()> {
        self.end = End::Silent;
        // A bounded input does not wait for the clock: in batch mode all that was to come in processing time comes now.
        while self.is_batch && self.clock.take_any() {
            self.guarded(|input| input.on_processing_time(Timestamp::MAX))?;
        }
        self.guarded(|input| input.end())
    }

    /// Takes in what the JobMaster has ordered.
    fn take_commands(&mut self) -> Result<()> {
        while let Some(command) = self.signals.take_command() {
            match command {
                TaskCommand::Trigger(barrier) if self.checkpoints.is_news(barrier.id) => {
                    self.input.trigger(barrier);
                }
                TaskCommand::Trigger(_) => {}
                TaskCommand::Notice(notice) => {
                    let Self { input, operators, checkpoints, .. } = self;
                    scope::catch(operators, || checkpoints.on_notice(notice, input.as_mut()))?;
                }
            }
        }
        Ok(())
    }

    /// Takes the snapshot that a barrier asks for, and sends the barrier on.
    async fn take_barrier(&mut self, step: Step) -> Result<()> {
        let Step::Barrier(barrier, alignment) = step else { return Ok(()) };
        let stop = barrier.stop().filter(|_| !self.checkpoints.is_aborted(barrier.id));
        // What depends on the end of the input belongs to the savepoint.
        if stop == Some(StopMode::Drain) && self.end == End::Whole {
            self.end_input()?;
        }
        if stop.is_some() {
            self.checkpoints.expect(barrier.id);
            self.hand_on_end().await?;
        }
        // After a restore a chain is told of the end again, unless all of it has been told.
        let finished = self.has_ended && !self.signals.is_end_put_off();
        self.counters.checkpoint_began(alignment.duration, start_delay_ms(&barrier, alignment));
        let Self { input, operators, checkpoints, .. } = self;
        scope::catch(operators, || checkpoints.begin(barrier, alignment, finished, input.as_mut()))
    }

    /// Waits until all of the chain knows of the end of the input, if its head does: what comes with the end belongs to a
    /// savepoint with which the job stops, as nothing is committed that comes behind.
    async fn hand_on_end(&mut self) -> Result<()> {
        while self.signals.is_end_put_off() {
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            self.take_commands()?;
            self.guarded(|input| input.flush(Flush::Held))?;
            if self.signals.is_end_put_off() {
                self.wait(Phase::Backpressured, None).await?;
            }
        }
        Ok(())
    }

    /// Writes a piece of what was frozen at a barrier. Returns whether there is more, and room for it.
    fn write_snapshot(&mut self) -> Result<bool> {
        let Self { input, operators, checkpoints, .. } = self;
        scope::catch(operators, || checkpoints.write(input.as_mut()))
    }

    /// Waits for the subtask's signal or the time. Instead of waiting it writes what is to be written.
    async fn wait(&mut self, phase: Phase, until: Option<Instant>) -> Result<()> {
        let mut until = until;
        if self.checkpoints.is_writing() {
            if self.write_snapshot()? {
                tokio::task::yield_now().await;
                return Ok(());
            }
            if self.checkpoints.is_writing() {
                let again = now() + WRITE_PAUSE;
                until = Some(until.map_or(again, |until| until.min(again)));
            }
        }
        self.counters.enter(phase);
        let woken = self.signals.wake.notified();
        let due = if phase == Phase::Idle { self.clock.until_due() } else { None };
        let until = match (until, due.map(|duration| now() + duration)) {
            (Some(until), Some(due)) => Some(until.min(due)),
            (until, due) => until.or(due),
        };
        match until {
            Some(time) => drop(tokio::time::timeout_at(time.into(), woken).await),
            None => woken.await,
        }
        self.counters.enter(Phase::Busy);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
