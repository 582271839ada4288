//! The machine of the ResourceManager: which TaskManagers there are and who holds their slots.

mod effect;
mod event;
mod slot;

use std::time::Duration;

use flott_core::{LeaderEpoch, MonoTime, RegistrationId, TaskManagerId};

pub use effect::Effect;
pub use event::Event;
pub use slot::SlotState;

use crate::protocol::TaskManagerInfo;

/// Settings of the ResourceManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceManagerConfig {
    /// Number of this leadership.
    pub epoch: LeaderEpoch,
    /// Makes the ids of this process differ from those of any other; draw it at random.
    pub id_salt: u64,
    /// `heartbeat.interval`: how often TaskManagers are to send heartbeats.
    pub heartbeat_interval: Duration,
    /// `heartbeat.timeout`: after how long without one a TaskManager is dead.
    pub heartbeat_timeout: Duration,
}

/// A registered TaskManager, for views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerEntry {
    /// Its current registration.
    pub registration_id: RegistrationId,
    /// When it registered.
    pub registered_at: MonoTime,
    /// When it was last heard of.
    pub last_heartbeat: MonoTime,
    /// What it has.
    pub info: TaskManagerInfo,
    /// Its slots, by index.
    pub slots: Vec<SlotState>,
}

/// The pure core of the ResourceManager.
#[derive(Clone, Debug)]
pub struct ResourceManager {
    config: ResourceManagerConfig,
}

impl ResourceManager {
    /// One that knows no TaskManager yet.
    pub fn new(config: ResourceManagerConfig) -> Self {
        Self { config }
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

    /// The registered TaskManagers.
    pub fn task_managers(&self) -> impl Iterator<Item = (&TaskManagerId, &TaskManagerEntry)> {
        std::iter::empty()
    }

    /// How many slots all TaskManagers have.
    pub fn total_slots(&self) -> u32 {
        0
    }

    /// How many of them are free.
    pub fn free_slots(&self) -> u32 {
        0
    }
}
