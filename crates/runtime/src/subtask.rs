//! The loop of one subtask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{ExecutionState, FailureCause, job_config::RuntimeMode, time::Timestamp};

use crate::{
    ProcessingClock, Result, TaskCounters, TaskEnd, TaskSignals, VertexProgram,
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

/// What the loop tells of its progress.
pub(crate) trait StateListener: Send + Sync {
    /// The subtask is in a new state; `cause` is set if it has failed.
    fn on_state(&self, state: ExecutionState, cause: Option<FailureCause>);
}

/// Runs a subtask to its end.
pub(crate) async fn run(
    vertex: &VertexProgram,
    mut builder: TaskBuilder,
    buffer_timeout: Duration,
    listener: &dyn StateListener,
) {
    let operators = builder.operators().to_vec();
    let signals = builder.signals().clone();
    let counters = builder.task().counters.clone();
    let clock = builder.task().clock.clone();
    let is_batch = builder.task().runtime_mode == RuntimeMode::Batch;
    listener.on_state(ExecutionState::Initializing, None);
    let result = match scope::catch(&operators, || (vertex.build)(&mut builder)) {
        Ok(input) => {
            listener.on_state(ExecutionState::Running, None);
            Loop { input, operators, signals, counters, clock, is_batch, buffer_timeout }.run().await
        }
        Err(end) => Err(end),
    };
    match result {
        Ok(()) => listener.on_state(ExecutionState::Finished, None),
        Err(TaskEnd::Canceled) => listener.on_state(ExecutionState::Canceled, None),
        Err(TaskEnd::Failed(cause)) => listener.on_state(ExecutionState::Failed, Some(*cause)),
    }
}

struct Loop {
    input: Box<dyn TaskInput>,
    operators: Vec<String>,
    signals: Arc<TaskSignals>,
    counters: Arc<TaskCounters>,
    clock: ProcessingClock,
    is_batch: bool,
    buffer_timeout: Duration,
}

impl Loop {
    /// Calls into user code.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn TaskInput) -> Result<T>) -> Result<T> {
        let input = self.input.as_mut();
        scope::catch(&self.operators, || call(input))
    }

    async fn run(mut self) -> Result<()> {
        let result = self.process().await;
        // What users have given us may panic when it is dropped, too.
        let Self { input, operators, .. } = self;
        result.and(scope::catch(&operators, || {
            drop(input);
            Ok(())
        }))
    }

    async fn process(&mut self) -> Result<()> {
        let mut last_flush = now();
        let mut turn_began = last_flush;
        let mut steps = 0;
        loop {
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            if self.signals.is_held_back() {
                self.guarded(|input| input.flush(Flush::Held))?;
                if self.signals.is_held_back() {
                    self.wait(Phase::Backpressured, None).await;
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
                    if steps >= STEPS_PER_TURN || time - turn_began >= TURN_LIMIT {
                        self.counters.enter(Phase::Busy);
                        tokio::task::yield_now().await;
                        turn_began = now();
                        steps = 0;
                    }
                }
                Step::Idle(until) => {
                    // The latency of a quiet stream is best if nothing waits for a batch to fill up.
                    self.guarded(|input| input.flush(Flush::All))?;
                    last_flush = now();
                    if !self.signals.is_held_back() {
                        self.wait(Phase::Idle, until).await;
                    }
                }
                Step::Ended => break,
            }
        }
        self.finish().await
    }

    /// Emits what the end of the input brings, sends everything, and closes the channels.
    async fn finish(&mut self) -> Result<()> {
        // A bounded input does not wait for the clock: in batch mode all that was to come in processing time comes now.
        while self.is_batch && self.clock.take_any() {
            self.guarded(|input| input.on_processing_time(Timestamp::MAX))?;
        }
        self.guarded(|input| input.end())?;
        loop {
            self.guarded(|input| input.flush(Flush::All))?;
            if !self.signals.is_held_back() && self.guarded(|input| input.close())? {
                self.counters.enter(Phase::Busy);
                return Ok(());
            }
            if self.signals.is_canceled() {
                return Err(TaskEnd::Canceled);
            }
            self.wait(Phase::Backpressured, None).await;
        }
    }

    async fn wait(&mut self, phase: Phase, until: Option<Instant>) {
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
    }
}
