//! The attempts of a job's subtasks.

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
    /// Whether its TaskManager was told to run it and nothing says that it has ended.
    pub fn is_live(&self) -> bool {
        is_live(self.state)
    }

    pub(super) fn is_on(&self, id: &TaskManagerId) -> bool {
        self.location.as_ref().is_some_and(|location| location.task_manager_id == *id)
    }
}

/// A failure, as it is shown to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// What failed.
    pub cause: FailureCause,
    /// When.
    pub time: MonoTime,
    /// The subtask that failed, unless it was the job or a TaskManager.
    pub subtask: Option<SubtaskId>,
    /// Its name, such as `Map (2/4)`.
    pub task_name: Option<String>,
    /// Its attempt.
    pub attempt: Option<AttemptNumber>,
    /// The TaskManager that it ran on, or that failed.
    pub task_manager_id: Option<TaskManagerId>,
    /// `host:port` of that TaskManager's gRPC server.
    pub rpc_address: Option<String>,
}

impl FailureRecord {
    /// Whether this and `other` are one failure that was reported twice.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        (self.subtask, self.attempt) == (other.subtask, other.attempt) && self.cause == other.cause
    }

    /// A failure of the job as a whole.
    pub(super) fn of_job(cause: FailureCause, time: MonoTime) -> Self {
        Self {
            cause,
            time,
            subtask: None,
            task_name: None,
            attempt: None,
            task_manager_id: None,
            rpc_address: None,
        }
    }

    /// A failure of a TaskManager or of the job's task host there.
    pub(super) fn of_task_manager(
        cause: FailureCause,
        time: MonoTime,
        id: &TaskManagerId,
        address: &str,
    ) -> Self {
        Self {
            task_manager_id: Some(id.clone()),
            rpc_address: Some(address.to_owned()),
            ..Self::of_job(cause, time)
        }
    }

    /// A failure of one subtask.
    pub(super) fn of_execution(
        cause: FailureCause,
        time: MonoTime,
        graph: &JobGraph,
        execution: &Execution,
    ) -> Self {
        let vertex = graph.vertex(execution.subtask.vertex);
        let number = execution.subtask.subtask.0 + 1;
        let location = execution.location.as_ref();
        Self {
            cause,
            time,
            subtask: Some(execution.subtask),
            task_name: Some(format!("{} ({number}/{})", vertex.name, vertex.parallelism)),
            attempt: Some(execution.attempt),
            task_manager_id: location.map(|location| location.task_manager_id.clone()),
            rpc_address: location.map(|location| location.rpc_address.clone()),
        }
    }
}

/// The current attempt of each subtask, with the number of those in each state.
#[derive(Clone, Debug)]
pub(super) struct ExecutionGraph {
    executions: Vec<Execution>,
    /// Where each vertex begins in `executions`.
    starts: Vec<usize>,
    /// By position in `ExecutionState::ALL`.
    counts: [usize; ExecutionState::ALL.len()],
}

impl ExecutionGraph {
    pub(super) fn new(graph: &JobGraph, now: MonoTime) -> Self {
        let mut executions = Vec::with_capacity(graph.total_subtasks());
        let mut starts = Vec::with_capacity(graph.vertices.len());
        for (vertex, job_vertex) in graph.vertices.iter().enumerate() {
            starts.push(executions.len());
            executions.extend((0..job_vertex.parallelism).map(|subtask| Execution {
                subtask: SubtaskId::new(vertex as u32, subtask),
                attempt: AttemptNumber(0),
                state: ExecutionState::Created,
                state_times: vec![(ExecutionState::Created, now)],
                location: None,
                failure: None,
                metrics: TaskMetrics::default(),
                operators: OperatorMetrics::default(),
            }));
        }
        let mut counts = [0; ExecutionState::ALL.len()];
        counts[position(ExecutionState::Created)] = executions.len();
        Self { executions, starts, counts }
    }

    pub(super) fn all(&self) -> &[Execution] {
        &self.executions
    }

    /// The current attempt of a subtask, if the graph has it and this is its number.
    pub(super) fn get(&self, subtask: SubtaskId, attempt: AttemptNumber) -> Option<&Execution> {
        let execution = &self.executions[self.index(subtask)?];
        (execution.attempt == attempt).then_some(execution)
    }

    pub(super) fn count(&self, state: ExecutionState) -> usize {
        self.counts[position(state)]
    }

    pub(super) fn all_finished(&self) -> bool {
        self.count(ExecutionState::Finished) == self.executions.len()
    }

    pub(super) fn all_terminal(&self) -> bool {
        let terminal = ExecutionState::ALL.into_iter().filter(|state| state.is_terminal());
        terminal.map(|state| self.count(state)).sum::<usize>() == self.executions.len()
    }

    /// Moves an execution on. Says no, and changes nothing, if its life does not go that way.
    pub(super) fn enter(&mut self, subtask: SubtaskId, state: ExecutionState, now: MonoTime) -> bool {
        let Some(index) = self.index(subtask) else { return false };
        let execution = &mut self.executions[index];
        if !may_follow(execution.state, state) {
            return false;
        }
        self.counts[position(execution.state)] -= 1;
        self.counts[position(state)] += 1;
        execution.state = state;
        execution.state_times.push((state, now));
        true
    }

    /// Moves all executions on that may go there and that are chosen. Returns how many.
    pub(super) fn enter_all(
        &mut self,
        state: ExecutionState,
        now: MonoTime,
        chosen: impl Fn(&Execution) -> bool,
    ) -> usize {
        let subtasks: Vec<_> = self
            .executions
            .iter()
            .filter(|execution| chosen(execution))
            .map(|execution| execution.subtask)
            .collect();
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

    fn index(&self, subtask: SubtaskId) -> Option<usize> {
        let vertex = subtask.vertex.0 as usize;
        let start = *self.starts.get(vertex)?;
        let end = self.starts.get(vertex + 1).copied().unwrap_or(self.executions.len());
        let index = start.checked_add(subtask.subtask.0 as usize)?;
        (index < end).then_some(index)
    }
}

fn position(state: ExecutionState) -> usize {
    state as usize
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
