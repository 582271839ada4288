//! A JobManager with real gRPC and TaskManagers that only pretend.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod attached;
mod diagnostics;
mod failover;
mod fake_task_manager;
mod jobs;
mod registration;
mod restarts;
mod snapshots;
mod standby;
mod submissions;
mod support;
