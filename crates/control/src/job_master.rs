//! The machine of one job: from its submission to its end.

mod effect;
mod event;
mod execution_graph;
mod state;

use std::{sync::Arc, time::Duration};

use flott_core::{
    JobGraph, JobId, JobStatus, MonoTime, RegistrationId, TaskManagerId, deployment::TaskHostSpec,
};

pub use effect::Effect;
pub use event::{Event, GrantedSlot};
pub use execution_graph::{Execution, FailureRecord, Location};
pub use state::{JobState, Outcome};

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
}

impl Default for JobMasterConfig {
    fn default() -> Self {
        Self {
            slot_request_timeout: Duration::from_secs(300),
            task_host_start_timeout: Duration::from_secs(60),
            deployment_timeout: Duration::from_secs(60),
            cancellation_timeout: Duration::from_secs(180),
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
}

impl JobMaster {
    /// A job that waits for [`Event::Started`]. `spec` says what its task hosts run; its `slots` are set for each.
    pub fn new(graph: Arc<JobGraph>, spec: TaskHostSpec, config: JobMasterConfig, now: MonoTime) -> Self {
        let _ = now;
        Self { graph, spec, config, state: JobState::Created }
    }

    /// Takes in an event and returns what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: MonoTime) -> Vec<Effect> {
        let _ = (event, now, &self.config);
        Vec::new()
    }

    /// When [`Event::TimerFired`] is wanted next.
    pub fn next_wakeup(&self) -> Option<MonoTime> {
        None
    }

    /// Whether messages of this registration of a TaskManager are to be let in. If not, the sender is told
    /// `UnknownRegistration`.
    pub fn admits(&self, task_manager_id: &TaskManagerId, registration_id: RegistrationId) -> bool {
        let _ = (task_manager_id, registration_id);
        false
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

    /// When the job first had each status, in the order in which it had them.
    pub fn status_times(&self) -> &[(JobStatus, MonoTime)] {
        &[]
    }

    /// The executions of all subtasks: vertices in the graph's order, in each its subtasks in order.
    pub fn executions(&self) -> impl Iterator<Item = &Execution> {
        std::iter::empty()
    }

    /// The root failure first, then those that came with it, at most [`MAX_FAILURES`](Self::MAX_FAILURES).
    pub fn failures(&self) -> &[FailureRecord] {
        &[]
    }

    /// Most failures that are kept of a job.
    pub const MAX_FAILURES: usize = 17;
}
