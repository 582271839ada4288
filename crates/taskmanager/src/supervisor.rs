//! Starts task hosts, watches them, and ends them.
//!
//! Each task host has one task of its own ([`host`]) from its launch until it is reaped, which talks with it and tells
//! the TaskManager's event loop what happens. How a task host is made is up to a [`TaskHostLauncher`]: as a process of
//! its own ([`ProcessLauncher`]), or, for a cluster inside one process, in some other way.

mod alignment;
mod exit;
pub(crate) mod host;
mod launcher;
mod output;
mod process;
mod spawner;
mod splits;

pub use exit::exit_cause;
pub use launcher::{LaunchRequest, LaunchedTaskHost, TaskHostLauncher};
pub use output::OutputWriter;
pub use process::ProcessLauncher;
