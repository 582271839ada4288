//! The machine of a TaskManager: its registration, its slots, and the task hosts of the jobs that hold them.

mod effect;
mod event;

use std::time::Duration;

use flott_core::{LeaderEpoch, MonoTime, TaskManagerId};

pub use effect::{Effect, HostCommand};
pub use event::Event;

use crate::protocol::{Fence, SlotReport, TaskManagerInfo};

/// Settings of a TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerConfig {
    /// Who it is.
    pub task_manager_id: TaskManagerId,
    /// What it has, with its number of slots.
    pub info: TaskManagerInfo,
    /// Generation of its first registration: the wall clock's microseconds at the start of the process.
    pub first_generation: u64,
    /// `heartbeat.timeout`: after how long without an answer to a heartbeat it registers again.
    pub heartbeat_timeout: Duration,
    /// `cluster.registration.initial-timeout`: how long to wait after the first failed registration; doubled after
    /// each further one.
    pub registration_initial_backoff: Duration,
    /// `cluster.registration.max-timeout`: most time between two tries.
    pub registration_max_backoff: Duration,
    /// How long to wait for the answer to a registration.
    pub registration_timeout: Duration,
    /// How long to wait before a report that was not delivered is sent again.
    pub report_retry_backoff: Duration,
    /// How long a task host that has nothing more to run may take to end.
    pub release_grace: Duration,
}

/// Registration of a TaskManager with the leader.
///
/// ```text
/// Disconnected → Registering → Registered
///       ↑             │             │
///       └─────────────┴─────────────┘     (refused, no answer, connection lost, heartbeats unanswered)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Waiting before the next try.
    Disconnected {
        /// When to try.
        retry_at: MonoTime,
    },
    /// Waiting for the leader's answer.
    Registering {
        /// The request's generation.
        generation: u64,
        /// When to give up this try.
        deadline: MonoTime,
    },
    /// Part of a cluster.
    Registered {
        /// What the leader's orders carry.
        fence: Fence,
        /// When to send the next heartbeat.
        next_heartbeat: MonoTime,
        /// How often to send one.
        heartbeat_interval: Duration,
        /// By when one must have been answered.
        answer_deadline: MonoTime,
    },
}

/// The pure core of a TaskManager.
#[derive(Clone, Debug)]
pub struct TaskManager {
    config: TaskManagerConfig,
    registration: Registration,
}

impl TaskManager {
    /// One whose process has just started: nothing runs, and nobody knows it.
    pub fn new(config: TaskManagerConfig) -> Self {
        Self { config, registration: Registration::Disconnected { retry_at: MonoTime::ZERO } }
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

    /// Its registration.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The highest epoch of a leader that it has seen.
    pub fn highest_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(0)
    }

    /// The slots as they are.
    pub fn slot_report(&self) -> SlotReport {
        SlotReport::default()
    }
}
