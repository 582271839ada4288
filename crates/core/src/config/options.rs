//! All options, a module for each component. Their docs are what operators read in `docs/configuration.md`.

pub mod checkpointing;
pub mod client;
pub mod env;
pub mod execution;
pub mod heartbeat;
pub mod high_availability;
pub mod io;
pub mod jobmanager;
pub mod metrics;
pub mod pipeline;
pub mod profiling;
pub mod rest;
pub mod restart_strategy;
pub mod s3;
pub mod security;
pub mod slot;
pub mod state;
pub mod state_recovery;
pub mod task;
pub mod taskmanager;
pub mod web;

use super::option::AnyOption;

/// Options that belong together on the reference page.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) options: &'static [&'static dyn AnyOption],
}

/// All options, in the order of the reference page.
pub(super) static SECTIONS: &[Section] = &[
    Section { title: "JobManager", options: jobmanager::ALL },
    Section { title: "TaskManager", options: taskmanager::ALL },
    Section { title: "REST", options: rest::ALL },
    Section { title: "Flame graphs and profiles", options: profiling::ALL },
    Section { title: "Web dashboard and artifacts", options: web::ALL },
    Section { title: "Jobs: execution", options: execution::ALL },
    Section { title: "Jobs: pipeline", options: pipeline::ALL },
    Section { title: "Jobs: checkpoints and savepoints", options: checkpointing::ALL },
    Section { title: "Jobs: what they begin with", options: state_recovery::ALL },
    Section { title: "Jobs: restarts", options: restart_strategy::ALL },
    Section { title: "Jobs: state", options: state::ALL },
    Section { title: "Storage: S3", options: s3::ALL },
    Section { title: "Tasks", options: task::ALL },
    Section { title: "Slots", options: slot::ALL },
    Section { title: "Heartbeats", options: heartbeat::ALL },
    Section { title: "High availability", options: high_availability::ALL },
    Section { title: "Metrics", options: metrics::ALL },
    Section { title: "Security", options: security::ALL },
    Section { title: "Files", options: io::ALL },
    Section { title: "Client", options: client::ALL },
    Section { title: "Environment of the scripts and daemons", options: env::ALL },
];

/// Iterates over every option.
pub(super) fn all() -> impl Iterator<Item = &'static dyn AnyOption> {
    SECTIONS.iter().flat_map(|section| section.options).copied()
}
