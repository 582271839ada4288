//! Runs a job's subtasks in the caller's thread, step by step, with a clock that is set by hand: for tests that neither
//! need a cluster nor wait.

mod checkpoints;
mod requests;
mod snapshot;
mod splits;

use std::{sync::Arc, time::Duration};

use flott_core::{
    AttemptNumber, CheckpointId, FailureCause, FailureKind, HostId, JobId, SubtaskId, SubtaskIndex,
    TaskManagerId, VertexIndex,
    deployment::{Placement, TaskHostAddress},
    job_config::RuntimeMode,
    metrics::OperatorMetric,
    time::Timestamp,
};
use flott_exchange::DataPlane;

pub use self::snapshot::{HarnessSnapshot, SnapshotOptions};
use self::{checkpoints::Checkpoints, requests::Requests, splits::LocalSplits};
use crate::{
    JobProgram, ProcessingClock, TaskContext, TaskCounters, TaskEnd, TaskSignals,
    checkpoint::TaskCheckpoints,
    counters::now,
    input::{Step, TaskInput},
    output::Flush,
    program::TaskBuilder,
    scope,
};

/// How far a subtask is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Its input has ended; what it has emitted is still to be sent.
    Ending,
    Ended,
}

/// A subtask.
struct Task {
    id: SubtaskId,
    checkpoints: TaskCheckpoints,
    /// The checkpoint whose barrier has come last.
    barrier: Option<CheckpointId>,
    input: Box<dyn TaskInput>,
    operators: Vec<String>,
    clock: ProcessingClock,
    counters: Arc<TaskCounters>,
    signals: Arc<TaskSignals>,
    is_batch: bool,
    phase: Phase,
}

/// All subtasks of a job, none of which runs by itself.
pub struct Harness {
    tasks: Vec<Task>,
    now: Timestamp,
    /// The split queues of the vertices.
    queues: Vec<LocalSplits>,
    checkpoints: Checkpoints,
    /// Dropped, and so ended, after the tasks.
    requests: Requests,
}

impl Harness {
    /// Makes all subtasks of `program`. Processing time stands at `now`.
    ///
    /// # Errors
    /// If a subtask can't be made, for what its user functions say.
    pub fn new(program: &JobProgram, now: Timestamp) -> Result<Self, FailureCause> {
        Self::with_options(program, now, SnapshotOptions::default())
    }

    /// As [`new`](Self::new), but snapshots are taken so.
    ///
    /// # Errors
    /// As those of [`new`](Self::new).
    pub fn with_options(
        program: &JobProgram,
        now: Timestamp,
        options: SnapshotOptions,
    ) -> Result<Self, FailureCause> {
        Self::make(program, now, Checkpoints::new(program, options)?, None)
    }

    /// Makes all subtasks of `program`, which go on from `snapshot`. The program may be another one than that of which the
    /// snapshot was taken, with another parallelism: operators are found by their uids. Processing time goes on from where it
    /// was.
    ///
    /// # Errors
    /// If a subtask can't be made, for what its user functions say, or because its state does not fit.
    pub fn restore(program: &JobProgram, snapshot: &HarnessSnapshot) -> Result<Self, FailureCause> {
        Self::make(program, snapshot.now(), Checkpoints::after(program, snapshot)?, Some(snapshot))
    }

    fn make(
        program: &JobProgram,
        now: Timestamp,
        checkpoints: Checkpoints,
        snapshot: Option<&HarnessSnapshot>,
    ) -> Result<Self, FailureCause> {
        let internal = |message: String| FailureCause::new(FailureKind::Internal, message);
        let requests =
            Requests::new().map_err(|error| internal(format!("cannot make a runtime: {error}")))?;
        let runtime = requests.runtime();
        let _within = runtime.enter();
        let plane = DataPlane::new(JobId::from_bytes([0; 16]), [0; 32], runtime.clone());
        let host = HostId(0);
        let address = TaskHostAddress {
            host,
            task_manager_id: TaskManagerId::new("harness".to_owned()),
            data_address: String::new(),
        };
        let hosts = program.graph.vertices.iter().map(|vertex| vec![Some(host); vertex.parallelism as usize]);
        let placement = Placement { hosts: vec![address], vertices: hosts.collect() };
        plane.place(host, placement.hosts.clone());
        let restores = checkpoints.restores(snapshot)?;
        if let Some(snapshot) = snapshot {
            snapshot.check(program)?;
        }
        let mut harness = Self { tasks: Vec::new(), now, queues: Vec::new(), checkpoints, requests };
        let mut watermarks = Vec::new();
        for (vertex, info) in program.graph.vertices.iter().enumerate() {
            let splits = snapshot.and_then(|snapshot| snapshot.queue(info)).unwrap_or_default();
            harness.queues.push(splits.clone());
            for subtask in 0..info.parallelism {
                let id = SubtaskId { vertex: VertexIndex(vertex as u32), subtask: SubtaskIndex(subtask) };
                let context = context(program, id, now);
                let (clock, counters) = (context.clock.clone(), context.counters.clone());
                let is_batch = context.runtime_mode == RuntimeMode::Batch;
                let mut builder = TaskBuilder::new(
                    program,
                    id,
                    context,
                    &placement,
                    plane.clone(),
                    Box::new(splits.clone()),
                )
                .map_err(internal)?;
                let signals = builder.signals().clone();
                signals.never_wait();
                let operators = builder.operators().to_vec();
                let checkpoints = harness.checkpoints.of_task(id, signals.clone());
                let restored = restores.load(id, &builder, &checkpoints)?;
                watermarks.push(restored.watermark());
                let phase = if restored.is_finished() { Phase::Ending } else { Phase::Running };
                builder.restore(restored).map_err(cause)?;
                let build = &program.vertices[vertex].build;
                let input = scope::catch(&operators, || build(&mut builder)).map_err(cause)?;
                harness.tasks.push(Task {
                    id,
                    checkpoints,
                    barrier: None,
                    input,
                    operators,
                    clock,
                    counters,
                    signals,
                    is_batch,
                    phase,
                });
            }
        }
        for (task, watermark) in harness.tasks.iter_mut().zip(watermarks) {
            if watermark > Timestamp::MIN {
                task.guarded(|input| input.restore_watermark(watermark)).map_err(cause)?;
            }
        }
        Ok(harness)
    }

    /// Processes all that is there, and does what is due by now, until every subtask waits or has ended.
    ///
    /// # Errors
    /// Why a subtask failed.
    pub fn run(&mut self) -> Result<(), FailureCause> {
        let runtime = self.requests.runtime();
        let _within = runtime.enter();
        loop {
            let mut worked = false;
            for task in &mut self.tasks {
                worked |= task.run()? | task.wake()?;
            }
            if !worked && !self.requests.go_on(&self.signals()) {
                return Ok(());
            }
        }
    }

    /// Waits, in real time, until no asynchronous request is under way. Those that wait to be tried again are not: their
    /// time comes with [`set_processing_time`](Self::set_processing_time).
    ///
    /// # Errors
    /// Why a subtask failed, or that it takes longer than `timeout`.
    pub fn wait_for_async(&mut self, timeout: Duration) -> Result<(), FailureCause> {
        let deadline = now() + timeout;
        loop {
            self.run()?;
            let signals = self.signals();
            let under_way = requests::under_way(&signals);
            if under_way == 0 {
                return Ok(());
            }
            if !self.requests.wait(&signals, deadline) {
                let message = format!("after {timeout:?} {under_way} requests are still under way");
                return Err(FailureCause::new(FailureKind::Internal, message));
            }
        }
    }

    fn signals(&self) -> Vec<&TaskSignals> {
        self.tasks.iter().map(|task| &*task.signals).collect()
    }

    /// Lets processing time come to `time`, and does what is due on the way there, each at its own time.
    ///
    /// # Errors
    /// Why a subtask failed.
    pub fn set_processing_time(&mut self, time: Timestamp) -> Result<(), FailureCause> {
        self.run()?;
        loop {
            let next = self.tasks.iter().filter_map(|task| task.clock.next_due()).min();
            let next = next.map_or(time, |due| due.min(time)).max(self.now);
            self.now = next;
            for task in &mut self.tasks {
                task.clock.set(next);
            }
            self.run()?;
            if next >= time {
                return Ok(());
            }
        }
    }

    /// What operators and functions have counted, of all subtasks one after the other.
    pub fn metrics(&self) -> Vec<OperatorMetric> {
        self.tasks.iter().flat_map(|task| task.counters.read_operators().to_vec()).collect()
    }

    /// Processing time.
    pub fn processing_time(&self) -> Timestamp {
        self.now
    }
}

impl Task {
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn TaskInput) -> crate::Result<T>) -> crate::Result<T> {
        let input = self.input.as_mut();
        scope::catch(&self.operators, || call(input))
    }

    /// Does what is due by now. Returns whether anything was.
    fn wake(&mut self) -> Result<bool, FailureCause> {
        if self.phase != Phase::Running {
            return Ok(false);
        }
        let Some(now) = self.clock.take_due() else { return Ok(false) };
        self.guarded(|input| input.on_processing_time(now)).map_err(cause)?;
        Ok(true)
    }

    /// Processes what is there. Returns whether there was anything.
    fn run(&mut self) -> Result<bool, FailureCause> {
        let mut worked = false;
        while self.phase == Phase::Running {
            if self.signals.is_held_back() {
                self.guarded(|input| input.flush(Flush::Held)).map_err(cause)?;
                if self.signals.is_held_back() {
                    break;
                }
            }
            match self.guarded(|input| input.step()).map_err(cause)? {
                Step::Worked => {
                    self.write_snapshot()?;
                    worked = true;
                }
                Step::Barrier(barrier, alignment) => {
                    self.take_barrier(barrier, alignment)?;
                    worked = true;
                }
                Step::Idle(_) => break,
                Step::Ended => {
                    while self.is_batch && self.clock.take_any() {
                        self.guarded(|input| input.on_processing_time(Timestamp::MAX)).map_err(cause)?;
                    }
                    self.guarded(|input| input.end()).map_err(cause)?;
                    self.phase = Phase::Ending;
                    worked = true;
                }
            }
        }
        if self.phase != Phase::Ended {
            self.guarded(|input| input.flush(Flush::All)).map_err(cause)?;
        }
        if self.phase == Phase::Ending
            && let Step::Barrier(barrier, alignment) = self.guarded(|input| input.step()).map_err(cause)?
        {
            self.take_barrier(barrier, alignment)?;
            worked = true;
        }
        if self.phase == Phase::Ending
            && !self.signals.is_held_back()
            && self.guarded(|input| input.close()).map_err(cause)?
        {
            self.phase = Phase::Ended;
            worked = true;
        }
        Ok(worked)
    }
}

fn cause(end: TaskEnd) -> FailureCause {
    match end {
        TaskEnd::Failed(cause) => *cause,
        TaskEnd::Canceled => FailureCause::new(FailureKind::Internal, "a subtask was canceled"),
    }
}

fn context(program: &JobProgram, id: SubtaskId, now: Timestamp) -> TaskContext {
    let vertex = program.graph.vertex(id.vertex);
    TaskContext {
        job_id: JobId::from_bytes([0; 16]),
        job_name: program.graph.name.as_str().into(),
        job_parameters: program.parameters.clone(),
        task_name: vertex.name.as_str().into(),
        subtask: id.subtask,
        parallelism: vertex.parallelism,
        max_parallelism: vertex.max_parallelism,
        attempt: AttemptNumber(0),
        runtime_mode: program.graph.runtime_mode,
        auto_watermark_interval: Duration::from_millis(program.config.auto_watermark_interval_ms),
        clock: ProcessingClock::manual(now),
        takes_checkpoints: false,
        restored: Arc::default(),
        counters: Arc::default(),
        signals: Arc::default(),
    }
}
