//! The subtasks that run in a task host.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use flott_core::{
    AttemptNumber, CheckpointId, ExecutionState, FailureCause, FailureKind, HostId, JobId, SubtaskId,
    checkpoint::Barrier,
    deployment::{Placement, SplitAnswer, TaskDescriptor, TaskHostSpec},
    job_config::RuntimeMode,
    profile::{TaskSamples, TaskSampling},
};
use flott_exchange::DataPlane;
use flott_rpc::{
    SplitRequest, TaskHostMessage,
    protocol::{
        CheckpointNotice, CheckpointOutcome, CheckpointReport, SubtaskMetrics, TaskReport, TaskState,
    },
};
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    connection::MessageSender,
    splits::{Mailbox, RemoteSplits},
};
use crate::{
    JobProgram, ProcessingClock, TaskCommand, TaskContext, TaskCounters, TaskSignals,
    checkpoint::{CheckpointStorage, RestoreCache, TaskCheckpoints},
    counters::now,
    program::TaskBuilder,
    sampling::{Sampled, Sampler, SlotThreads, marked},
    subtask::{self, TaskListener},
};

pub(super) type Attempt = (SubtaskId, AttemptNumber);

/// What is kept of an attempt, also after its end, so that a repeated order is recognized.
pub(super) struct Task {
    signals: Arc<TaskSignals>,
    pub(super) counters: Arc<TaskCounters>,
    mailbox: Mailbox,
    pub(super) ended: Arc<AtomicBool>,
}

pub(super) struct Tasks {
    program: Arc<JobProgram>,
    job_id: JobId,
    job_name: Arc<str>,
    plane: DataPlane,
    slots: Handle,
    threads: SlotThreads,
    storage: CheckpointStorage,
    restores: RestoreCache,
    pub(super) messages: MessageSender,
    pub(super) tasks: BTreeMap<Attempt, Task>,
    /// When metrics were reported last.
    metrics_at: Option<Instant>,
    /// When it was told last where aligned sources are.
    pub(super) aligned_at: Instant,
    /// Wait for the end of each subtask.
    watchers: JoinSet<()>,
}

impl Tasks {
    pub(super) fn new(
        program: Arc<JobProgram>,
        spec: &TaskHostSpec,
        plane: DataPlane,
        (slots, threads): (Handle, SlotThreads),
        storage: CheckpointStorage,
        messages: MessageSender,
    ) -> Self {
        let job_name = spec.job_name.as_str().into();
        Self {
            program,
            job_id: spec.job_id,
            job_name,
            plane,
            slots,
            threads,
            restores: RestoreCache::new(storage.clone()),
            storage,
            messages,
            tasks: BTreeMap::new(),
            metrics_at: None,
            aligned_at: now(),
            watchers: JoinSet::new(),
        }
    }

    /// Starts subtasks. Those that were started before are left alone.
    pub(super) fn deploy(&mut self, placement: Placement, descriptors: &[TaskDescriptor], own_host: HostId) {
        self.plane.place(own_host, placement.hosts.clone());
        for descriptor in descriptors {
            if !self.tasks.contains_key(&(descriptor.subtask, descriptor.attempt)) {
                self.start(descriptor, &placement);
            }
        }
    }

    fn start(&mut self, descriptor: &TaskDescriptor, placement: &Placement) {
        let TaskDescriptor { subtask, attempt, .. } = *descriptor;
        let counters = Arc::<TaskCounters>::default();
        let mailbox = Mailbox::default();
        let ended = Arc::new(AtomicBool::new(false));
        let reporter = Arc::new(Reporter {
            subtask,
            attempt,
            counters: counters.clone(),
            ended: ended.clone(),
            messages: self.messages.clone(),
        });
        let splits = RemoteSplits::new(subtask, attempt, self.messages.clone(), mailbox.clone());
        let built = self.task_context(subtask, attempt, &counters).and_then(|context| {
            TaskBuilder::new(&self.program, subtask, context, placement, self.plane.clone(), Box::new(splits))
        });
        let builder = match built {
            Ok(builder) => builder,
            Err(reason) => {
                let cause = FailureCause::new(FailureKind::Internal, reason);
                return reporter.on_state(ExecutionState::Failed, Some(cause));
            }
        };
        let signals = builder.signals().clone();
        let program = self.program.clone();
        let restores = self.restores.of(subtask, descriptor.restore.clone());
        let checkpoints = TaskCheckpoints::new(self.storage.clone(), reporter.clone(), signals.clone());
        let work = {
            let reporter = reporter.clone();
            async move {
                let vertex = &program.vertices[subtask.vertex.0 as usize];
                let buffer_timeout = Duration::from_millis(program.config.buffer_timeout_ms);
                subtask::run(vertex, builder, restores, checkpoints, buffer_timeout, reporter).await;
            }
        };
        let running = self.slots.spawn(marked(subtask, work));
        // User code can't get here by a panic, but a subtask that vanished would leave its job hanging.
        while self.watchers.try_join_next().is_some() {}
        self.watchers.spawn(async move {
            if let Err(error) = running.await
                && error.is_panic()
            {
                let message = format!("the subtask ended without a result: {error}");
                let cause = FailureCause::new(FailureKind::Internal, message);
                reporter.on_state(ExecutionState::Failed, Some(cause));
            }
        });
        self.tasks.insert((subtask, attempt), Task { signals, counters, mailbox, ended });
    }

    fn task_context(
        &self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        counters: &Arc<TaskCounters>,
    ) -> Result<TaskContext, String> {
        let graph = &self.program.graph;
        let vertex = graph
            .vertices
            .get(subtask.vertex.0 as usize)
            .ok_or_else(|| format!("vertex {} is not part of the job's graph", subtask.vertex))?;
        Ok(TaskContext {
            job_id: self.job_id,
            job_name: self.job_name.clone(),
            task_name: vertex.name.as_str().into(),
            subtask: subtask.subtask,
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism,
            attempt,
            runtime_mode: graph.runtime_mode,
            job_parameters: self.program.parameters.clone(),
            auto_watermark_interval: Duration::from_millis(self.program.config.auto_watermark_interval_ms),
            takes_checkpoints: graph.recovery.checkpoints.is_enabled()
                && graph.runtime_mode != RuntimeMode::Batch,
            restored: Arc::default(),
            clock: ProcessingClock::default(),
            counters: counters.clone(),
            signals: Arc::default(),
        })
    }

    /// Lets a checkpoint begin at these subtasks. Whatever does not run any more is left out: that it has ended is known.
    pub(super) fn trigger_checkpoint(&self, barrier: &Arc<Barrier>, attempts: &[Attempt]) {
        for attempt in attempts {
            if let Some(task) = self.tasks.get(attempt) {
                task.signals.command(TaskCommand::Trigger(barrier.clone()));
            }
        }
    }

    /// Tells all subtasks how a checkpoint has ended.
    pub(super) fn notify_checkpoint(&self, notice: CheckpointNotice) {
        for task in self.tasks.values().filter(|task| !task.ended.load(Relaxed)) {
            task.signals.command(TaskCommand::Notice(notice));
        }
    }

    /// Tells subtasks to stop. One that was never started is reported as stopped.
    pub(super) fn cancel(&mut self, attempts: &[Attempt]) {
        for &(subtask, attempt) in attempts {
            match self.tasks.get(&(subtask, attempt)) {
                Some(task) => task.signals.cancel(),
                None => {
                    let report = TaskReport::without_metrics(subtask, attempt, TaskState::Canceled);
                    let _ = self.messages.send(TaskHostMessage::TaskState(report));
                }
            }
        }
    }

    /// Hands the answer for a split to the subtask that has asked.
    pub(super) fn answer_split(&mut self, request: SplitRequest, answer: SplitAnswer) {
        if let Some(task) = self.tasks.get(&(request.subtask, request.attempt)) {
            *task.mailbox.lock().unwrap_or_else(PoisonError::into_inner) = Some((request.request_id, answer));
            task.signals.wake.notify_one();
        }
    }

    /// Looks at what subtasks do, and reports it when that is done.
    pub(super) fn sample(&self, request_id: u64, sampling: TaskSampling) {
        let running = self.tasks.iter().filter(|(_, task)| !task.ended.load(Relaxed));
        let subtasks = running.map(|(&(subtask, _), task)| Sampled {
            subtask,
            counters: task.counters.clone(),
            ended: task.ended.clone(),
        });
        let sampler = Sampler { sampling, threads: self.threads.clone(), subtasks: subtasks.collect() };
        let (waiting, messages) = (self.messages.clone(), self.messages.clone());
        let report = move |samples| {
            let _ = messages.send(TaskHostMessage::Samples { request_id, samples });
        };
        if let Err(error) = sampler.start(move || !waiting.is_closed(), report) {
            let problem = Some(format!("the task host can't start a thread for it: {error}"));
            let samples = TaskSamples { problem, ..TaskSamples::default() };
            let _ = self.messages.send(TaskHostMessage::Samples { request_id, samples });
        }
    }

    /// How often metrics are to be reported; `None` for never while subtasks run.
    pub(super) fn metrics_interval(&self) -> Option<Duration> {
        let millis = self.program.config.metrics_interval_ms;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Reports what the running subtasks have done so far. If it is not time for that, it reports nothing of them: silence
    /// would be taken for the end of this process.
    pub(super) fn report_metrics(&mut self, now: Instant) {
        let is_due = |interval: Duration| {
            // Ticks are not exact.
            self.metrics_at.is_none_or(|at| now + interval / 10 >= at + interval)
        };
        if !self.metrics_interval().is_some_and(is_due) {
            if self.tasks.values().any(|task| !task.ended.load(Relaxed)) {
                let _ = self.messages.send(TaskHostMessage::Metrics(Vec::new()));
            }
            return;
        }
        self.metrics_at = Some(now);
        let running: Vec<_> = self
            .tasks
            .iter()
            .filter(|(_, task)| !task.ended.load(Relaxed))
            .map(|(&(subtask, attempt), task)| SubtaskMetrics {
                subtask,
                attempt,
                metrics: task.counters.read(),
                operators: task.counters.read_operators(),
            })
            .collect();
        if !running.is_empty() {
            let _ = self.messages.send(TaskHostMessage::Metrics(running));
        }
    }
}

/// Tells the TaskManager how an attempt goes.
struct Reporter {
    subtask: SubtaskId,
    attempt: AttemptNumber,
    counters: Arc<TaskCounters>,
    ended: Arc<AtomicBool>,
    messages: MessageSender,
}

impl TaskListener for Reporter {
    fn on_checkpoint(&self, checkpoint_id: CheckpointId, outcome: CheckpointOutcome) {
        let (subtask, attempt) = (self.subtask, self.attempt);
        let report = CheckpointReport { subtask, attempt, checkpoint_id, outcome };
        let _ = self.messages.send(TaskHostMessage::Checkpoint(report));
    }

    fn on_awaits_checkpoint(&self) {
        let (subtask, attempt) = (self.subtask, self.attempt);
        let _ = self.messages.send(TaskHostMessage::AwaitsCheckpoint { subtask, attempt });
    }

    fn on_state(&self, state: ExecutionState, cause: Option<FailureCause>) {
        let state = match state {
            ExecutionState::Initializing => TaskState::Initializing,
            ExecutionState::Running => TaskState::Running,
            ExecutionState::Finished => TaskState::Finished,
            ExecutionState::Canceled => TaskState::Canceled,
            _ => TaskState::Failed(cause.unwrap_or_else(|| {
                FailureCause::new(FailureKind::Internal, "the subtask failed without a cause")
            })),
        };
        if !matches!(state, TaskState::Initializing | TaskState::Running) {
            self.ended.store(true, Relaxed);
        }
        let report = TaskReport {
            subtask: self.subtask,
            attempt: self.attempt,
            state,
            metrics: self.counters.read(),
            operators: self.counters.read_operators(),
        };
        let _ = self.messages.send(TaskHostMessage::TaskState(report));
    }
}
