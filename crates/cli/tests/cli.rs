//! The command as its users run it: the real binary against a small server.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "cli/cluster.rs"]
mod cluster;
#[path = "cli/command.rs"]
mod command;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/lifecycle.rs"]
mod lifecycle;
#[path = "cli/new.rs"]
mod new;
#[path = "cli/rescale.rs"]
mod rescale;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/snapshots.rs"]
mod snapshots;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/wait_ready.rs"]
mod wait_ready;
