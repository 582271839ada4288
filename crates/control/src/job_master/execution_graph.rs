//! The attempts of a job's subtasks.

use std::collections::VecDeque;

use flott_core::{
    AllocationId, AttemptNumber, ExecutionState, FailureCause, JobGraph, MonoTime, SubtaskId, TaskManagerId,
    metrics::{OperatorMetrics, TaskMetrics},
};

use crate::protocol::SubtaskMetrics;

/// Where an execution is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The slot's allocation.
    pub allocation_id: AllocationId,
    /// The TaskManager that has the slot.
    pub task_manager_id: TaskManagerId,
    /// `host:port` of the TaskManager's gRPC server.
    pub rpc_address: String,
}

/// One attempt of a subtask.
///
/// ```text
/// Created → Scheduled → Deploying → Initializing → Running → Finished
///    │          │           └────────────┴────────────┴→ Canceling → Canceled
///    └──────────┴→ Canceled                  (Failed and Finished from all that are deployed)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Which subtask.
    pub subtask: SubtaskId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// Its state.
    pub state: ExecutionState,
    /// When it entered each state, in order.
    pub state_times: Vec<(ExecutionState, MonoTime)>,
    /// Where it runs or ran, once that is decided.
    pub location: Option<Location>,
    /// Why it failed, if it has.
    pub failure: Option<FailureCause>,
    /// What it has done so far.
    pub metrics: TaskMetrics,
    /// What its operators have registered, and its last values.
    pub operators: OperatorMetrics,
}

impl Execution {
    fn new(subtask: SubtaskId, attempt: AttemptNumber, now: MonoTime) -> Self {
        Self {
            subtask,
            attempt,
            state: ExecutionState::Created,
            state_times: vec![(ExecutionState::Created, now)],
            location: None,
            failure: None,
            metrics: TaskMetrics::default(),
            operators: OperatorMetrics::default(),
        }
    }

    /// Whether its TaskManager was told to run it and nothing says that it has ended.
    pub fn is_live(&self) -> bool {
        is_live(self.state)
    }

    pub(super) fn is_on(&self, id: &TaskManagerId) -> bool {
        self.location.as_ref().is_some_and(|location| location.task_manager_id == *id)
    }
}

/// How many executions are in each state, by position in `ExecutionState::ALL`.
#[derive(Clone, Copy, Debug, Default)]
struct Counts([usize; ExecutionState::ALL.len()]);

impl Counts {
    fn of_created(count: usize) -> Self {
        let mut counts = Self::default();
        counts.0[ExecutionState::Created as usize] = count;
        counts
    }

    fn of(&self, state: ExecutionState) -> usize {
        self.0[state as usize]
    }

    fn all(&self) -> usize {
        self.0.iter().sum()
    }

    fn terminal(&self) -> usize {
        let terminal = ExecutionState::ALL.into_iter().filter(|state| state.is_terminal());
        terminal.map(|state| self.of(state)).sum()
    }
}

/// The attempts of each subtask, with the number of current ones in each state. All lists but the last have an entry a
/// subtask, in the graph's order.
#[derive(Clone, Debug)]
pub(super) struct ExecutionGraph {
    /// The current attempts.
    executions: Vec<Execution>,
    /// The last ones before those, the earliest first.
    past: Vec<VecDeque<Execution>>,
    /// The region that each subtask belongs to.
    region_of: Vec<usize>,
    counts: Counts,
    /// The same of each region.
    region_counts: Vec<Counts>,
    /// Where each vertex begins in the lists.
    starts: Vec<usize>,
}

impl ExecutionGraph {
    /// How many past attempts are kept of a subtask.
    const MAX_PAST: usize = 16;

    pub(super) fn new(graph: &JobGraph, regions: &[Vec<SubtaskId>], now: MonoTime) -> Self {
        let mut executions = Vec::with_capacity(graph.total_subtasks());
        let mut starts = Vec::with_capacity(graph.vertices.len());
        for (vertex, job_vertex) in graph.vertices.iter().enumerate() {
            starts.push(executions.len());
            let subtasks = (0..job_vertex.parallelism).map(|subtask| SubtaskId::new(vertex as u32, subtask));
            executions.extend(subtasks.map(|subtask| Execution::new(subtask, AttemptNumber(0), now)));
        }
        let mut this = Self {
            past: vec![VecDeque::new(); executions.len()],
            region_of: vec![0; executions.len()],
            counts: Counts::of_created(executions.len()),
            region_counts: regions.iter().map(|members| Counts::of_created(members.len())).collect(),
            executions,
            starts,
        };
        for (region, members) in regions.iter().enumerate() {
            for subtask in members {
                let index = this.index(*subtask).expect("regions are made of the graph's subtasks");
                this.region_of[index] = region;
            }
        }
        this
    }

    /// Takes over the past of the subtasks that were there before the graph changed, and are still.
    pub(super) fn remember(&mut self, old: Self) {
        for (mut past, execution) in old.past.into_iter().zip(old.executions) {
            let Some(index) = self.index(execution.subtask) else { continue };
            if execution.state.is_terminal() {
                past.push_back(execution);
            }
            while past.len() > Self::MAX_PAST {
                past.pop_front();
            }
            self.past[index] = past;
        }
    }

    pub(super) fn all(&self) -> &[Execution] {
        &self.executions
    }

    /// The current attempt of a subtask, if the graph has it and this is its number.
    pub(super) fn get(&self, subtask: SubtaskId, attempt: AttemptNumber) -> Option<&Execution> {
        self.current(subtask).filter(|execution| execution.attempt == attempt)
    }

    /// The current attempt of a subtask, if the graph has it.
    pub(super) fn current(&self, subtask: SubtaskId) -> Option<&Execution> {
        Some(&self.executions[self.index(subtask)?])
    }

    /// The last attempts of a subtask before the current one, the earliest first.
    pub(super) fn past(&self, subtask: SubtaskId) -> impl Iterator<Item = &Execution> {
        self.index(subtask).into_iter().flat_map(|index| &self.past[index])
    }

    /// The region that a subtask belongs to, if the graph has it.
    pub(super) fn region_of(&self, subtask: SubtaskId) -> Option<usize> {
        Some(self.region_of[self.index(subtask)?])
    }

    pub(super) fn count(&self, state: ExecutionState) -> usize {
        self.counts.of(state)
    }

    pub(super) fn all_terminal(&self) -> bool {
        self.counts.terminal() == self.executions.len()
    }

    /// How many executions of a region are in this state.
    pub(super) fn count_in(&self, region: usize, state: ExecutionState) -> usize {
        self.region_counts[region].of(state)
    }

    pub(super) fn region_finished(&self, region: usize) -> bool {
        self.count_in(region, ExecutionState::Finished) == self.region_counts[region].all()
    }

    pub(super) fn region_terminal(&self, region: usize) -> bool {
        self.region_counts[region].terminal() == self.region_counts[region].all()
    }

    /// Moves an execution on. Says no, and changes nothing, if its life does not go that way.
    pub(super) fn enter(&mut self, subtask: SubtaskId, state: ExecutionState, now: MonoTime) -> bool {
        let Some(index) = self.index(subtask) else { return false };
        let execution = &mut self.executions[index];
        if !may_follow(execution.state, state) {
            return false;
        }
        let before = std::mem::replace(&mut execution.state, state);
        execution.state_times.push((state, now));
        self.count_move(index, before, state);
        true
    }

    /// Begins another attempt of a subtask whose current one has ended.
    pub(super) fn begin_attempt(&mut self, subtask: SubtaskId, attempt: AttemptNumber, now: MonoTime) {
        let Some(index) = self.index(subtask) else { return };
        let old = std::mem::replace(&mut self.executions[index], Execution::new(subtask, attempt, now));
        debug_assert!(old.state.is_terminal() && old.attempt < attempt);
        let before = old.state;
        let past = &mut self.past[index];
        if past.len() == Self::MAX_PAST {
            past.pop_front();
        }
        past.push_back(old);
        self.count_move(index, before, ExecutionState::Created);
    }

    /// Gives another number to an attempt that has not begun.
    pub(super) fn renumber(&mut self, subtask: SubtaskId, attempt: AttemptNumber) {
        if let Some(index) = self.index(subtask) {
            debug_assert_eq!(self.executions[index].state, ExecutionState::Created);
            self.executions[index].attempt = attempt;
        }
    }

    /// An attempt that has not begun here was found in this state.
    pub(super) fn adopt(
        &mut self,
        subtask: SubtaskId,
        state: ExecutionState,
        location: Location,
        now: MonoTime,
    ) {
        let Some(index) = self.index(subtask) else { return };
        let execution = &mut self.executions[index];
        let before = std::mem::replace(&mut execution.state, state);
        execution.state_times.push((state, now));
        execution.location = Some(location);
        self.count_move(index, before, state);
    }

    /// An attempt that has not begun here has finished elsewhere.
    pub(super) fn had_finished(&mut self, subtask: SubtaskId, now: MonoTime) {
        let Some(index) = self.index(subtask) else { return };
        let execution = &mut self.executions[index];
        if execution.state == ExecutionState::Created {
            execution.state = ExecutionState::Finished;
            execution.state_times.push((ExecutionState::Finished, now));
            self.count_move(index, ExecutionState::Created, ExecutionState::Finished);
        }
    }

    /// Nothing is known of an attempt any more.
    pub(super) fn reset(&mut self, subtask: SubtaskId, attempt: AttemptNumber, now: MonoTime) {
        let Some(index) = self.index(subtask) else { return };
        let old = std::mem::replace(&mut self.executions[index], Execution::new(subtask, attempt, now));
        self.count_move(index, old.state, ExecutionState::Created);
    }

    /// Moves all executions on that may go there and that are chosen. Returns how many.
    pub(super) fn enter_all(
        &mut self,
        state: ExecutionState,
        now: MonoTime,
        chosen: impl Fn(&Execution) -> bool,
    ) -> usize {
        let chosen =
            self.executions.iter().filter(|execution| chosen(execution)).map(|execution| execution.subtask);
        let subtasks: Vec<_> = chosen.collect();
        subtasks.into_iter().filter(|subtask| self.enter(*subtask, state, now)).count()
    }

    pub(super) fn place(&mut self, subtask: SubtaskId, location: Location) {
        if let Some(index) = self.index(subtask) {
            self.executions[index].location = Some(location);
        }
    }

    pub(super) fn set_failure(&mut self, subtask: SubtaskId, cause: FailureCause) {
        if let Some(index) = self.index(subtask) {
            self.executions[index].failure = Some(cause);
        }
    }

    /// Reports of metrics may overtake one another.
    pub(super) fn take_metrics(&mut self, new: SubtaskMetrics) {
        let Some(index) = self.index(new.subtask) else { return };
        let execution = &mut self.executions[index];
        if execution.attempt != new.attempt {
            return;
        }
        // What operators report may fall, so the subtask's own clock tells which report is the later one. Nothing is later
        // than that of its end.
        let is_later = new.metrics.running_time() >= execution.metrics.running_time();
        if is_later && !execution.state.is_terminal() {
            execution.operators = new.operators;
        }
        execution.metrics = execution.metrics.latest(new.metrics);
    }

    fn count_move(&mut self, index: usize, from: ExecutionState, to: ExecutionState) {
        for counts in [&mut self.counts, &mut self.region_counts[self.region_of[index]]] {
            counts.0[from as usize] -= 1;
            counts.0[to as usize] += 1;
        }
    }

    fn index(&self, subtask: SubtaskId) -> Option<usize> {
        let vertex = subtask.vertex.0 as usize;
        let start = *self.starts.get(vertex)?;
        let end = self.starts.get(vertex + 1).copied().unwrap_or(self.executions.len());
        let index = start.checked_add(subtask.subtask.0 as usize)?;
        (index < end).then_some(index)
    }
}

const fn is_live(state: ExecutionState) -> bool {
    use ExecutionState as S;
    matches!(state, S::Deploying | S::Initializing | S::Running | S::Canceling)
}

const fn may_follow(from: ExecutionState, to: ExecutionState) -> bool {
    use ExecutionState as S;
    match to {
        S::Scheduled => matches!(from, S::Created),
        S::Deploying => matches!(from, S::Scheduled),
        S::Initializing => matches!(from, S::Deploying),
        S::Running => matches!(from, S::Deploying | S::Initializing),
        S::Canceling => matches!(from, S::Deploying | S::Initializing | S::Running),
        S::Finished | S::Failed => is_live(from),
        S::Canceled => matches!(from, S::Created | S::Scheduled | S::Canceling),
        S::Created | S::Reconciling => false,
    }
}
