//! Taking snapshots of a harness' subtasks, as the JobMaster has them taken.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, mpsc},
    time::Duration,
};

use flott_core::{
    CheckpointId, ExecutionState, FailureCause, FailureKind, JobGraph, SubtaskId,
    checkpoint::{Alignment, Barrier, CheckpointSettings, RestorePoint, SnapshotKind, SubtaskSnapshot},
    time::Timestamp,
};
use flott_rpc::protocol::{CheckpointNotice, CheckpointOutcome};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{
    Harness, HarnessSnapshot, Phase, SnapshotOptions, Task, cause,
    snapshot::{Directory, assemble},
    splits::LocalSplits,
};
use crate::{
    JobProgram, RestoredTask, TaskSignals,
    checkpoint::{CheckpointStorage, RestoreCache, TaskCheckpoints},
    input::AlignmentStats,
    program::TaskBuilder,
    subtask::TaskListener,
};

/// Longer than writing to a disk takes that works at all.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What a harness knows of its snapshots.
pub(super) struct Checkpoints {
    storage: CheckpointStorage,
    directory: Arc<Directory>,
    options: SnapshotOptions,
    graph: JobGraph,
    next: CheckpointId,
    outcomes: mpsc::Receiver<Outcome>,
    sender: Sender,
    /// The one that is being taken.
    under_way: Option<UnderWay>,
}

struct UnderWay {
    barrier: Arc<Barrier>,
    now: Timestamp,
    queues: Vec<LocalSplits>,
    /// Subtasks that have not ended.
    subtasks: Vec<SubtaskId>,
}

type Outcome = (SubtaskId, CheckpointId, CheckpointOutcome);

/// For each subtask there is room for what comes of two snapshots, the second of which begins when the first is done.
type Sender = mpsc::SyncSender<Outcome>;

struct Listener {
    subtask: SubtaskId,
    outcomes: Sender,
}

impl TaskListener for Listener {
    fn on_state(&self, _: ExecutionState, _: Option<FailureCause>) {}

    fn on_checkpoint(&self, id: CheckpointId, outcome: CheckpointOutcome) {
        // Nobody listens any more if the harness is gone.
        let _ = self.outcomes.send((self.subtask, id, outcome));
    }

    fn on_awaits_checkpoint(&self) {}
}

/// The threads that wait for the storage, of all harnesses together.
fn io() -> Result<Handle, FailureCause> {
    static IO: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = IO.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.map_err(|error| error.to_string())
    });
    made.as_ref()
        .map(|runtime| runtime.handle().clone())
        .map_err(|error| failure(&format_args!("cannot make a runtime: {error}")))
}

fn failure(error: &dyn std::fmt::Display) -> FailureCause {
    FailureCause::new(FailureKind::External, format!("cannot take a snapshot: {error}"))
}

impl Checkpoints {
    pub(super) fn new(program: &JobProgram, options: SnapshotOptions) -> Result<Self, FailureCause> {
        Self::within(program, options, Arc::new(Directory::new()), CheckpointId(1))
    }

    /// Goes on behind a snapshot, in the same directory.
    pub(super) fn after(program: &JobProgram, snapshot: &HarnessSnapshot) -> Result<Self, FailureCause> {
        let next = CheckpointId(snapshot.point.checkpoint_id.0 + 1);
        Self::within(program, snapshot.options, snapshot.directory.clone(), next)
    }

    fn within(
        program: &JobProgram,
        options: SnapshotOptions,
        directory: Arc<Directory>,
        next: CheckpointId,
    ) -> Result<Self, FailureCause> {
        let subtasks: u32 = program.graph.vertices.iter().map(|vertex| vertex.parallelism).sum();
        let (sender, outcomes) = mpsc::sync_channel(2 * subtasks as usize);
        let mut settings = CheckpointSettings::default();
        if options.in_files {
            settings.inline_threshold = 0;
        }
        let uri = directory.uri().map_err(|error| failure(&error))?;
        Ok(Self {
            storage: CheckpointStorage::local(uri, settings, options.piece, io()?),
            directory,
            options,
            graph: program.graph.clone(),
            next,
            outcomes,
            sender,
            under_way: None,
        })
    }

    /// Those of one subtask.
    pub(super) fn of_task(&self, subtask: SubtaskId, signals: Arc<TaskSignals>) -> TaskCheckpoints {
        let listener = Arc::new(Listener { subtask, outcomes: self.sender.clone() });
        TaskCheckpoints::new(self.storage.clone(), listener, signals)
    }

    /// What subtasks begin with.
    pub(super) fn restores(&self, snapshot: Option<&HarnessSnapshot>) -> Result<Restores, FailureCause> {
        let point = snapshot.map(|snapshot| snapshot.point.clone());
        Ok(Restores { cache: RestoreCache::new(self.storage.clone()), point, io: io()? })
    }
}

/// Reads what subtasks begin with.
pub(super) struct Restores {
    cache: RestoreCache,
    point: Option<RestorePoint>,
    io: Handle,
}

impl Restores {
    pub(super) fn load(
        &self,
        subtask: SubtaskId,
        builder: &TaskBuilder,
        checkpoints: &TaskCheckpoints,
    ) -> Result<RestoredTask, FailureCause> {
        if self.point.is_none() {
            return Ok(RestoredTask::default());
        }
        let load = self.cache.of(subtask, self.point.clone()).load(builder, checkpoints);
        self.io.block_on(load).map_err(cause)
    }
}

impl Task {
    pub(super) fn take_barrier(
        &mut self,
        barrier: Arc<Barrier>,
        alignment: AlignmentStats,
    ) -> Result<(), FailureCause> {
        self.barrier = Some(barrier.id);
        self.with_checkpoints(|checkpoints, input| checkpoints.begin(barrier, alignment, false, input))
    }

    /// Writes a piece of the snapshot under way, if there is one.
    pub(super) fn write_snapshot(&mut self) -> Result<(), FailureCause> {
        if self.checkpoints.is_writing() {
            self.with_checkpoints(|checkpoints, input| checkpoints.write(input).map(drop))?;
        }
        Ok(())
    }

    fn with_checkpoints(
        &mut self,
        call: impl FnOnce(&mut TaskCheckpoints, &mut dyn crate::input::TaskInput) -> crate::Result<()>,
    ) -> Result<(), FailureCause> {
        let Self { checkpoints, input, operators, .. } = self;
        crate::scope::catch(operators, || call(checkpoints, input.as_mut())).map_err(cause)
    }
}

impl Harness {
    /// Processes all that is there, then lets a barrier go through the job: the state of all subtasks as it is now belongs to a
    /// snapshot. It is written while further elements are processed, and is there with
    /// [`finish_snapshot`](Self::finish_snapshot).
    ///
    /// # Errors
    /// Why a subtask failed, or that another snapshot is not finished.
    pub fn begin_snapshot(&mut self) -> Result<(), FailureCause> {
        if self.checkpoints.under_way.is_some() {
            return Err(failure(&"finish the one before first"));
        }
        self.run()?;
        let id = self.checkpoints.next;
        self.checkpoints.next = CheckpointId(id.0 + 1);
        let barrier = Arc::new(Barrier {
            id,
            triggered_at: 0,
            kind: SnapshotKind::Checkpoint { full: false },
            alignment: Alignment::Aligned { timeout_ms: None },
        });
        let running = |task: &Task| task.phase != Phase::Ended;
        let subtasks: Vec<_> = self.tasks.iter().filter(|task| running(task)).map(|task| task.id).collect();
        let queues = self.queues.iter().map(LocalSplits::copy).collect();
        self.checkpoints.under_way =
            Some(UnderWay { barrier: barrier.clone(), now: self.now, queues, subtasks: subtasks.clone() });
        for task in &mut self.tasks {
            let graph = &self.checkpoints.graph;
            let is_fed = graph.inputs_of(task.id.vertex).any(|(_, edge)| {
                let mut producers = graph.producers_of(edge, task.id.subtask);
                producers.any(|producer| subtasks.contains(&SubtaskId::new(edge.source.0, producer)))
            });
            if running(task) && !is_fed {
                task.input.trigger(barrier.clone());
            }
        }
        self.run()?;
        match self.tasks.iter().find(|task| running(task) && task.barrier != Some(id)) {
            None => Ok(()),
            Some(task) => {
                let vertex = &self.checkpoints.graph.vertex(task.id.vertex).name;
                Err(failure(&format_args!(
                    "the barrier has not reached subtask {} of \"{vertex}\"",
                    task.id.subtask.0
                )))
            }
        }
    }

    /// Writes what is left of the snapshot that has begun, and tells all subtasks that it is complete: sinks make visible what
    /// belongs to it.
    ///
    /// # Errors
    /// Why a subtask failed, or why the snapshot could not be written.
    pub fn finish_snapshot(&mut self) -> Result<HarnessSnapshot, FailureCause> {
        let Some(UnderWay { barrier, now, queues, subtasks }) = self.checkpoints.under_way.take() else {
            return Err(failure(&"none has begun"));
        };
        let runtime = self.requests.runtime();
        let within = runtime.enter();
        while self.tasks.iter().any(|task| task.checkpoints.is_writing()) {
            for task in &mut self.tasks {
                task.write_snapshot()?;
            }
        }
        let mut acknowledged = BTreeMap::<SubtaskId, SubtaskSnapshot>::new();
        while acknowledged.len() < subtasks.len() {
            let outcome = self.checkpoints.outcomes.recv_timeout(STORAGE_TIMEOUT);
            let (subtask, id, outcome) = outcome.map_err(|error| failure(&error))?;
            match outcome {
                CheckpointOutcome::Acknowledged { snapshot, .. } if id == barrier.id => {
                    acknowledged.insert(subtask, *snapshot);
                }
                CheckpointOutcome::Acknowledged { .. } => {}
                CheckpointOutcome::Declined(cause) => return Err(cause),
            }
        }
        for task in &self.tasks {
            let ended =
                || SubtaskSnapshot { finished: true, watermark: Timestamp::MAX, ..Default::default() };
            acknowledged.entry(task.id).or_insert_with(ended);
        }
        let Checkpoints { graph, directory, options, .. } = &self.checkpoints;
        let metadata = assemble(graph, &barrier, &acknowledged);
        let point = directory.store(&metadata, &io()?).map_err(|error| failure(&error))?;
        let queues = (0u32..).zip(queues).zip(&graph.vertices).map(|((index, queue), vertex)| {
            let of_vertex = acknowledged.iter().filter(|(id, _)| id.vertex.0 == index);
            let mut progress = of_vertex.filter_map(|(_, snapshot)| snapshot.source.as_ref());
            let resume = progress.find_map(|progress| Some(progress.enumerator.clone()?.1));
            (vertex.operators.first().map_or(String::new(), |head| head.uid.clone()), queue.resuming(resume))
        });
        let snapshot = HarnessSnapshot {
            point,
            metadata,
            queues: queues.collect(),
            now,
            directory: directory.clone(),
            options: *options,
        };
        for task in self.tasks.iter_mut().filter(|task| task.phase != Phase::Ended) {
            let notice = CheckpointNotice::Completed(barrier.id);
            let Task { checkpoints, input, operators, .. } = task;
            crate::scope::catch(operators, || checkpoints.on_notice(notice, input.as_mut()))
                .map_err(cause)?;
        }
        drop(within);
        self.run()?;
        Ok(snapshot)
    }
}
