//! Turns a JobMaster's state into what users see.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flott_control::{
    job_master::{Execution, FailureGroup, FailureRecord, JobMaster as Machine},
    protocol::SubtaskMetrics,
};
use flott_core::{
    AttemptNumber, ExecutionState, JobStatus, MonoTime, SubtaskId, TaskManagerId, config::duration,
    metrics::TaskMetrics,
};

use crate::{
    clock::Clock,
    job_store::JobRecord,
    view::{
        AttemptView, CheckpointsView, ExceptionView, JobView, RescalingView, StateTimes, StatusTimes,
        SubmissionView, SubtaskView, TaskLocation, TaskRates, VertexView, state_index,
    },
};

/// Reports that follow each other more closely than this, by the subtask's own time, say little about rates. One that was
/// repeated follows at once.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Builds views of one job.
pub(super) struct Viewer {
    clock: Clock,
    submission: Arc<SubmissionView>,
    submitted_unix_ms: i64,
    checkpoint_dir: Arc<str>,
    samples: BTreeMap<SubtaskId, Sample>,
    /// Past attempts of subtasks, which change only when another one begins; with the current one's number.
    past: BTreeMap<SubtaskId, (AttemptNumber, Arc<[AttemptView]>)>,
}

/// The last report on one attempt.
struct Sample {
    attempt: AttemptNumber,
    metrics: TaskMetrics,
    rates: TaskRates,
}

impl Viewer {
    pub(super) fn new(clock: Clock, record: &JobRecord) -> Self {
        Self {
            clock,
            submission: record.submission.clone(),
            submitted_unix_ms: record.submitted_unix_ms,
            checkpoint_dir: record.checkpoint_dir.to_string().into(),
            samples: BTreeMap::new(),
            past: BTreeMap::new(),
        }
    }

    /// Takes in a TaskManager's periodic report.
    pub(super) fn sample(&mut self, machine: &Machine, tasks: &[SubtaskMetrics]) {
        let reported: BTreeMap<_, _> =
            tasks.iter().map(|of| (of.subtask, (of.attempt, of.metrics))).collect();
        for execution in machine.executions() {
            let Some((attempt, metrics)) = reported.get(&execution.subtask).copied() else { continue };
            if attempt != execution.attempt {
                continue;
            }
            let earlier = self.samples.get(&execution.subtask).filter(|sample| sample.attempt == attempt);
            // Until there are two reports, the first counts from the start.
            let before = earlier.map_or_else(TaskMetrics::default, |sample| sample.metrics);
            let interval = metrics.running_time().saturating_sub(before.running_time());
            if interval < SHORTEST_INTERVAL {
                continue;
            }
            let rates = TaskRates::between(before, metrics, interval);
            self.samples.insert(execution.subtask, Sample { attempt, metrics, rates });
        }
    }

    pub(super) fn view(&mut self, machine: &Machine) -> JobView {
        let mut status_times = StatusTimes::default();
        let submitted = self.submitted_unix_ms;
        status_times.enter(JobStatus::Initializing, submitted);
        let mut ended_unix_ms = None;
        let mut modified = MonoTime::ZERO;
        for (status, time) in machine.status_times() {
            status_times.enter(*status, self.clock.to_unix_ms(*time));
            modified = modified.max(*time);
            if status.is_terminal() {
                ended_unix_ms = Some(self.clock.to_unix_ms(*time));
            }
        }
        let mut vertices: Vec<VertexView> = machine
            .graph()
            .vertices
            .iter()
            .map(|vertex| VertexView {
                subtasks: Vec::with_capacity(vertex.parallelism as usize),
                counts: [0; 10],
            })
            .collect();
        for execution in machine.executions() {
            if let Some((_, time)) = execution.state_times.last() {
                modified = modified.max(*time);
            }
            if let Some(vertex) = vertices.get_mut(execution.subtask.vertex.0 as usize) {
                vertex.counts[state_index(execution.state)] += 1;
                vertex.subtasks.push(self.subtask(execution, machine));
            }
        }
        JobView {
            job_id: machine.job_id(),
            graph: machine.graph().clone(),
            submission: self.submission.clone(),
            status: machine.status(),
            status_times,
            started_unix_ms: submitted,
            ended_unix_ms,
            modified_unix_ms: self.clock.to_unix_ms(modified).max(submitted),
            vertices: vertices.into_iter().map(Arc::new).collect(),
            exceptions: Arc::new(machine.failure_history().map(|group| self.exceptions(group)).collect()),
            exceptions_dropped: machine.forgotten_failures(),
            restarts: machine.restarts(),
            restarting_ms: duration::millis(machine.time_in(JobStatus::Restarting, self.clock.now())),
            checkpoint_dir: self.checkpoint_dir.clone(),
            checkpoints: Arc::new(CheckpointsView::new(machine.checkpoints().clone(), self.clock)),
            rescaling: Arc::new(RescalingView::new(
                machine.parallelism_bounds(),
                machine.rescales(),
                self.clock,
            )),
        }
    }

    fn subtask(&mut self, execution: &Execution, machine: &Machine) -> SubtaskView {
        let past = self.past(execution, machine);
        let sample = self.samples.get(&execution.subtask);
        let sample = sample.filter(|sample| sample.attempt == execution.attempt);
        let rates = match execution.state {
            ExecutionState::Initializing | ExecutionState::Running | ExecutionState::Canceling => {
                sample.map_or_else(TaskRates::default, |sample| sample.rates)
            }
            _ => TaskRates::default(),
        };
        SubtaskView {
            attempt: execution.attempt,
            state: execution.state,
            times: self.times(execution),
            location: location_of(execution),
            metrics: execution.metrics,
            operators: execution.operators.clone(),
            rates,
            past,
        }
    }

    fn past(&mut self, execution: &Execution, machine: &Machine) -> Arc<[AttemptView]> {
        match self.past.get(&execution.subtask) {
            Some((attempt, past)) if *attempt == execution.attempt => past.clone(),
            _ => {
                let past = machine.past_attempts(execution.subtask).map(|past| AttemptView {
                    attempt: past.attempt,
                    state: past.state,
                    times: self.times(past),
                    location: location_of(past),
                    metrics: past.metrics,
                    operators: past.operators.clone(),
                    failure: past.failure.clone(),
                });
                let past: Arc<[AttemptView]> = past.collect();
                self.past.insert(execution.subtask, (execution.attempt, past.clone()));
                past
            }
        }
    }

    fn times(&self, execution: &Execution) -> StateTimes {
        let mut times = StateTimes::default();
        for (state, time) in &execution.state_times {
            times.enter(*state, self.clock.to_unix_ms(*time));
        }
        times
    }

    /// The root cause with what came along with it.
    fn exceptions(&self, group: &FailureGroup) -> ExceptionView {
        let concurrent = group.concurrent().iter().map(|record| self.exception(record)).collect();
        ExceptionView { concurrent, ..self.exception(group.root()) }
    }

    fn exception(&self, record: &FailureRecord) -> ExceptionView {
        let task_name = record.task_name.as_ref().map(|name| match record.attempt {
            Some(attempt) => format!("{name} - execution #{attempt}"),
            None => name.clone(),
        });
        ExceptionView {
            cause: record.cause.clone(),
            unix_ms: self.clock.to_unix_ms(record.time),
            task_name,
            location: location(record.task_manager_id.as_ref(), record.rpc_address.as_deref()),
            concurrent: Vec::new(),
        }
    }
}

fn location_of(execution: &Execution) -> Option<TaskLocation> {
    execution.location.as_ref().map(|location| TaskLocation {
        task_manager_id: location.task_manager_id.clone(),
        endpoint: location.rpc_address.clone(),
    })
}

fn location(id: Option<&TaskManagerId>, rpc_address: Option<&str>) -> Option<TaskLocation> {
    Some(TaskLocation { task_manager_id: id?.clone(), endpoint: rpc_address.unwrap_or_default().to_owned() })
}
