//! A JobManager with real gRPC and TaskManagers that only pretend.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod fake_task_manager;
mod jobs;
mod registration;
mod submissions;
mod support;
