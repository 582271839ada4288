//! The machine of one job: from its submission to its end.

mod alignment;
mod checkpoints;
mod deployment;
mod effect;
mod event;
mod execution_graph;
mod failover;
mod failures;
mod lifecycle;
mod pause;
mod reconcile;
mod recovery;
mod regions;
mod reports;
mod rescale;
mod restart;
mod run;
mod slot_pool;
mod split_queue;
mod splits;
mod state;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flott_core::{
    HostId, JobGraph, JobId, JobStatus, MonoTime, RegistrationId, SubtaskId, TaskManagerId, VertexIndex,
    deployment::TaskHostSpec,
};

pub use checkpoints::{
    AfterSavepoint, CheckpointConfig, CheckpointRecord, CheckpointStatistics, Counts, InitialSnapshot,
    ManualCheckpoint, RecordStatus, RestoredRecord, SnapshotRequest, SnapshotTaken, StoredMetadata,
    SubtaskRecord, Summaries, Summary, TaskRecord, Totals, check_restore,
};
pub use effect::Effect;
pub use event::{Event, GrantedSlot};
pub use execution_graph::{Execution, Location};
pub use failures::{FailureGroup, FailureRecord};
pub use recovery::{
    CheckpointPointer, LatestCheckpoint, RecoveredCheckpoint, RecoveredJob, RetainedCheckpoint,
    ReturnedTaskManager, RunRecord,
};
pub use regions::pipelined_regions;
pub use rescale::{
    ParallelismBounds, RescaleCause, RescaleEnd, RescaleHistory, RescaleOutcome, RescaleRecord,
    RescaleRefusal, RescaleSpan, WantedRequirements, check_requirements,
};
pub use state::{JobState, Outcome};

use alignment::Alignment;
use checkpoints::Checkpoints;
use execution_graph::ExecutionGraph;
use failover::Region;
use failures::FailureHistory;
use reconcile::Recovery;
use rescale::Rescaling;
use restart::Restarts;
use run::Numbers;
use slot_pool::SlotPool;
use split_queue::{SplitQueue, SplitRequest};
use state::StatusHistory;

/// How long a JobMaster waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobMasterConfig {
    /// `slot.request.timeout`: for its slots.
    pub slot_request_timeout: Duration,
    /// For all its task hosts to be ready.
    pub task_host_start_timeout: Duration,
    /// For all its subtasks to say that they were deployed.
    pub deployment_timeout: Duration,
    /// `task.cancellation.timeout`: for subtasks to stop, before their task hosts are killed.
    pub cancellation_timeout: Duration,
    /// For TaskManagers to tell what they have of a job that another JobMaster has run.
    pub reconciliation_timeout: Duration,
    /// `web.exception-history-size`: how many groups of failures are kept, at least one.
    pub exception_history_size: usize,
}

impl Default for JobMasterConfig {
    fn default() -> Self {
        Self {
            slot_request_timeout: Duration::from_secs(300),
            task_host_start_timeout: Duration::from_secs(60),
            deployment_timeout: Duration::from_secs(60),
            cancellation_timeout: Duration::from_secs(180),
            reconciliation_timeout: Duration::from_secs(10),
            exception_history_size: 16,
        }
    }
}

/// The pure core of a JobMaster.
#[derive(Clone, Debug)]
pub struct JobMaster {
    graph: Arc<JobGraph>,
    spec: TaskHostSpec,
    config: JobMasterConfig,
    state: JobState,
    statuses: StatusHistory,
    regions: Vec<Region>,
    restarts: Restarts,
    executions: ExecutionGraph,
    pool: SlotPool,
    /// The number of the next task host that is started.
    next_host: HostId,
    numbers: Numbers,
    /// Until it is known what runs of a job that another JobMaster has run.
    recovery: Option<Recovery>,
    splits: BTreeMap<VertexIndex, SplitQueue>,
    alignment: Alignment,
    checkpoints: Checkpoints,
    rescaling: Rescaling,
    failures: FailureHistory,
    /// What the ResourceManager last said: total, free, TaskManagers.
    cluster: Option<(u32, u32, u32)>,
}

impl JobMaster {
    /// A job that waits for [`Event::Started`]. `spec` says what its task hosts run; its `slots` are set for each.
    pub fn new(graph: Arc<JobGraph>, spec: TaskHostSpec, config: JobMasterConfig, now: MonoTime) -> Self {
        let regions = pipelined_regions(&graph);
        let sources = graph.vertices.iter().enumerate().filter(|(_, vertex)| vertex.is_source);
        Self {
            splits: sources
                .map(|(index, _)| (VertexIndex(index as u32), SplitQueue::new(Default::default())))
                .collect(),
            executions: ExecutionGraph::new(&graph, &regions, now),
            regions: regions.into_iter().map(Region::new).collect(),
            restarts: Restarts::new(graph.recovery.restart_strategy(), spec.job_id),
            pool: SlotPool::new(&graph),
            rescaling: Rescaling::new(&graph),
            graph,
            spec,
            state: JobState::Created,
            statuses: StatusHistory::new(JobState::Created.status(), now),
            next_host: HostId(0),
            numbers: Numbers::default(),
            recovery: None,
            alignment: Alignment::default(),
            checkpoints: Checkpoints::default(),
            failures: FailureHistory::new(config.exception_history_size),
            cluster: None,
            config,
        }
    }

    /// Takes in an event and returns what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: MonoTime) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Started => self.start(now, &mut out),
            Event::CancelRequested => self.cancel(now, &mut out),
            Event::SlotGranted(slot) => self.take_slot(slot, now, &mut out),
            Event::SlotsReported { total, free, task_managers } => {
                self.cluster = Some((total, free, task_managers));
                self.fit_rescale(free, now, &mut out);
            }
            Event::TaskManagerLost { task_manager_id, registration_id, cause } => {
                self.task_manager_lost(&task_manager_id, registration_id, cause, now, &mut out);
            }
            Event::TaskManagerReregistered { task_manager_id, fence } => {
                if let Some(held) = self.pool.task_managers.get_mut(&task_manager_id) {
                    held.fence = fence;
                    self.repeat_orders(&task_manager_id, &mut out);
                }
            }
            Event::OrderRefused { task_manager_id, registration_id, order, reason } => {
                self.order_refused(&task_manager_id, registration_id, order, reason, now, &mut out);
            }
            Event::Reported { task_manager_id, registration_id, sequence, report } => {
                self.reported(&task_manager_id, registration_id, sequence, report, now, &mut out);
            }
            Event::MetricsReported { tasks } => {
                tasks.into_iter().for_each(|metrics| self.executions.take_metrics(metrics));
            }
            Event::WatermarksReported { watermarks } => {
                watermarks.into_iter().for_each(|report| self.take_watermark(report));
            }
            Event::SplitRequested { subtask, attempt, request_id } => {
                let request = SplitRequest { subtask: subtask.subtask, attempt, request_id };
                self.split_requested(subtask.vertex, request, &mut out);
            }
            Event::SplitsEnumerated { subtask, attempt, splits } => {
                self.splits_enumerated(subtask, attempt, splits, now, &mut out);
            }
            Event::SnapshotRequested { call, request } => self.request_snapshot(call, request, &mut out),
            Event::RescaleRequested { call, wanted } => self.request_rescale(call, &wanted, now, &mut out),
            Event::CheckpointStored { checkpoint_id, result } => {
                self.checkpoint_stored(checkpoint_id, result, now, &mut out);
            }
            Event::TaskManagerReturned(returned) => self.task_manager_returned(returned, now, &mut out),
            Event::PointerStored { checkpoint_id } => self.pointer_stored(checkpoint_id, now, &mut out),
            Event::RunStored { run } => self.run_stored(run, now, &mut out),
            Event::Resumed { after } => self.resumed(after, now),
            Event::TimerFired => self.timer_fired(now, &mut out),
        }
        self.advance_checkpoints(now, &mut out);
        self.advance_rescale(now, &mut out);
        out
    }

    /// When [`Event::TimerFired`] is wanted next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        let wakeups = [self.lifecycle_wakeup(), self.checkpoints_wakeup(), self.rescale_wakeup()];
        wakeups.into_iter().flatten().min()
    }

    fn lifecycle_wakeup(&self) -> Option<MonoTime> {
        match self.state {
            JobState::Reconciling { deadline } | JobState::WaitingForSlots { deadline } => Some(deadline),
            JobState::Running | JobState::Restarting { .. } => self.regions_wakeup(),
            JobState::Canceling { kill_at } | JobState::Failing { kill_at } => Some(kill_at),
            JobState::Created | JobState::Terminal(_) => None,
        }
    }

    /// Whether messages of this registration of a TaskManager are taken in. If not, the sender is told
    /// `UnknownRegistration`.
    pub fn admits(&self, task_manager_id: &TaskManagerId, registration_id: RegistrationId) -> bool {
        let held = self.pool.task_managers.get(task_manager_id);
        held.is_some_and(|held| held.fence.registration_id == registration_id)
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.spec.job_id
    }

    /// Its graph.
    pub fn graph(&self) -> &Arc<JobGraph> {
        &self.graph
    }

    /// Its state.
    pub fn state(&self) -> &JobState {
        &self.state
    }

    /// The status that users see.
    pub fn status(&self) -> JobStatus {
        self.state.status()
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            JobState::Terminal(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// When the job last entered each status that it has had, in that order; the current one is the last.
    pub fn status_times(&self) -> &[(JobStatus, MonoTime)] {
        self.statuses.entered()
    }

    /// How long the job has had a status until now, all in all.
    pub fn time_in(&self, status: JobStatus, now: MonoTime) -> Duration {
        self.statuses.time_in(status, now)
    }

    /// How often it, or a part of it, was restarted or is about to be.
    pub fn restarts(&self) -> u64 {
        self.restarts.count()
    }

    /// The current executions of all subtasks: vertices in the graph's order, in each its subtasks in order.
    pub fn executions(&self) -> impl Iterator<Item = &Execution> {
        self.executions.all().iter()
    }

    /// The last attempts of a subtask before its current one, the earliest first.
    pub fn past_attempts(&self, subtask: SubtaskId) -> impl Iterator<Item = &Execution> {
        self.executions.past(subtask)
    }

    /// The last failures that belong together: the root first, then those that came with it, at most
    /// [`FailureGroup::MAX`].
    pub fn failures(&self) -> &[FailureRecord] {
        self.failures.newest()
    }

    /// The last failures by restart that they led to, the newest first.
    pub fn failure_history(&self) -> impl Iterator<Item = &FailureGroup> {
        self.failures.groups().iter()
    }

    /// How many groups of failures there were before those of [`failure_history`](Self::failure_history).
    pub fn forgotten_failures(&self) -> u64 {
        self.failures.dropped()
    }

    /// The TaskManagers on which the job holds slots, and how many on each.
    pub fn held_slots(&self) -> impl Iterator<Item = (&TaskManagerId, usize)> {
        self.pool.task_managers.iter().map(|(id, held)| (id, held.slots.len()))
    }

    fn task_name(&self, subtask: SubtaskId) -> String {
        let vertex = self.graph.vertex(subtask.vertex);
        format!("{} ({}/{})", vertex.name, subtask.subtask.0 + 1, vertex.parallelism)
    }
}
