//! What users rely on, tried with real processes: scripts, daemons, jobs, command line, failures.
//!
//! One program, so that the number of clusters that run at the same time has one bound (`--test-threads`).

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod artifacts;
mod backpressure;
mod checkpoint_failures;
mod checkpoint_modes;
mod checkpoints;
mod cli;
mod configuration;
mod examples;
mod failover;
mod failures;
mod files;
mod high_availability;
mod jobs;
mod latency;
mod logs;
mod lost_processes;
mod metrics;
mod new_project;
mod oracle;
mod partition;
mod profile;
mod recovery;
mod registration;
mod requests;
mod rescale;
mod restores;
mod s3;
mod savepoints;
mod scripts;
mod slots;
mod task_hosts;
mod terminal;
mod word_count;
