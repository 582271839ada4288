//! The pure state machines of all components: JobMaster, ResourceManager, TaskManager, and the election of the leader.
//!
//! Each has one door, `handle(&mut self, event, now) -> Vec<Effect>`, and `next_wakeup()` that says when it wants
//! `Event::TimerFired` next. Machines do no I/O, read no clock and draw no random numbers: the shells around them
//! (in `jobmanager` and `taskmanager`) perform the effects and feed what comes of them back as events, and a
//! simulation can drive all of them together and replay a run from its seed.
//!
//! What crosses the network is in [`protocol`]. Any message may be lost, late, doubled or overtaken by a later one;
//! hence a shell's duties, which the machines rely on:
//!
//! - An order (JobManager → TaskManager) is called again until a TaskManager answers it or its registration is over
//!   (`Disconnect`, `TaskManagerLost`, `StaleLeader`). `UnknownRegistration` is not an answer: the TaskManager
//!   may not have heard of its registration yet.
//! - Messages between actors in one process arrive once and in order.
//! - Timers may fire late or more often than asked for.

pub mod attached_clients;
pub mod election;
pub mod job_master;
pub mod protocol;
pub mod resource_manager;
pub mod task_manager;

pub use attached_clients::AttachedClients;
pub use election::Election;
pub use job_master::JobMaster;
pub use resource_manager::ResourceManager;
pub use task_manager::TaskManager;
