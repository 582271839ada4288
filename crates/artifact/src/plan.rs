//! Plan mode: running an artifact to learn the job that it stands for.
//!
//! The `flott` crate, told by its environment that it is in plan mode, writes the JobGraph to a file in `execute()` and
//! ends the process. What runs here is somebody else's program, so everything about it is bounded: time, output, file
//! sizes, and what it sees of our environment; and nothing of it is left when [`plan`] returns or is dropped.

use std::{
    ffi::OsString,
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use flott_core::{JobGraph, sdk::EntryInfo};
use nix::sys::signal::Signal;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Error;

mod child;
mod file;
mod output;
mod panic;

use child::PlanProcess;
pub(crate) use file::PLAN_FILE_LIMIT_BYTES;
use output::Outputs;

/// How long a program may take to reach `execute()`.
pub const DEFAULT_PLAN_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest file that a program may write while it plans.
pub(crate) const FILE_LIMIT_BYTES: u64 = 1 << 30;

/// How long we wait for a killed process to be gone. Longer takes only one that hangs in a device driver, which
/// nothing can end.
const REAP_TIMEOUT: Duration = Duration::from_secs(5);

/// Exit code of a Rust program whose main thread panicked.
const PANIC_EXIT_CODE: i32 = 101;

/// How to run an artifact in plan mode.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// The program. It should have passed [`crate::inspect`].
    pub artifact: PathBuf,
    /// The name that the program sees as its own, for its messages; that of its file if `None`.
    pub program_name: Option<String>,
    /// The submitter's arguments, handed on untouched.
    pub args: Vec<OsString>,
    /// Which of the program's entries to plan; its only or default one if `None`.
    pub entry: Option<String>,
    /// JSON of a `flott_core::job_config::JobConfig`: the defaults that the program's own settings override.
    pub job_config_json: String,
    /// How long the program may take.
    pub timeout: Duration,
    /// Where the private directory is made in which the program runs.
    pub temp_root: PathBuf,
}

impl PlanRequest {
    /// A plan of `artifact` without arguments, under the defaults.
    pub fn new(artifact: impl Into<PathBuf>) -> Self {
        Self {
            artifact: artifact.into(),
            program_name: None,
            args: Vec::new(),
            entry: None,
            job_config_json: "{}".to_owned(),
            timeout: DEFAULT_PLAN_TIMEOUT,
            temp_root: std::env::temp_dir(),
        }
    }
}

/// The job that an artifact stands for.
#[derive(Clone, Debug)]
pub struct PlannedJob {
    /// The job.
    pub job_graph: JobGraph,
    /// The entry that was planned, if the program has named ones.
    pub entry: Option<String>,
    /// All entries of the program.
    pub entries: Vec<EntryInfo>,
}

/// Runs an artifact in plan mode and returns the job that it builds.
///
/// The program runs in a session and a private directory of its own, with an empty stdin and nearly no environment.
/// It and all that it started are killed, and the directory is removed, before this returns; the same happens when the
/// future is dropped, and when this process dies.
///
/// # Errors
///
/// [`Error::Rejected`] with the job author's mistake, or one of the `Plan…` errors with the end of the program's output.
#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a process is one of real time, and decided here"
)]
pub async fn plan(request: PlanRequest) -> Result<PlannedJob, Error> {
    let dir = tempfile::Builder::new()
        .prefix("flott-plan-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&request.temp_root)
        .map_err(|source| Error::PlanSetup { action: "make a temporary directory", source })?;
    let plan_file = dir.path().join("plan.json");
    let deadline = Instant::now() + request.timeout;
    let artifact = absolute(&request.artifact)?;

    // Declared after the directory, hence dropped before it: nothing writes there while it is removed.
    let mut process = PlanProcess::spawn(&artifact, &request, dir.path(), &plan_file).await?;
    let mut outputs = Outputs::new(process.take_stdout(), process.take_stderr());
    let in_time = tokio::select! {
        exited = process.exited() => {
            exited.map_err(|source| Error::PlanSetup { action: "wait for the program", source })?;
            true
        }
        () = outputs.drain_until(deadline) => false,
    };
    process.kill_all().await;
    let status = timeout(REAP_TIMEOUT, process.reap()).await;
    outputs.finish().await;

    if !in_time {
        return Err(Error::PlanTimeout { timeout: request.timeout, output: outputs.text() });
    }
    let status = status
        .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        .map_err(|source| Error::PlanSetup { action: "wait for the program", source })?;
    check_status(status, &outputs)?;
    // The file is the program's: it may be as large as the limits allow.
    match timeout_at(deadline + REAP_TIMEOUT, file::read(plan_file, outputs.text())).await {
        Ok(planned) => planned,
        Err(_) => Err(Error::PlanTimeout { timeout: request.timeout, output: outputs.text() }),
    }
}

/// The program starts in another directory, where a relative path would name something else.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::Read)
}

fn check_status(status: ExitStatus, outputs: &Outputs) -> Result<(), Error> {
    if let Some(signal) = status.signal() {
        let signal = match Signal::try_from(signal) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {signal}"),
        };
        // A job built with `panic = "abort"` panics this way.
        if signal == "SIGABRT"
            && let Some(panic) = panic::find(&outputs.stderr_text())
        {
            return Err(panicked(panic, outputs));
        }
        return Err(Error::PlanKilled { signal, output: outputs.text() });
    }
    match status.code() {
        Some(0) => Ok(()),
        Some(PANIC_EXIT_CODE) => match panic::find(&outputs.stderr_text()) {
            Some(panic) => Err(panicked(panic, outputs)),
            None => Err(Error::PlanExited { code: PANIC_EXIT_CODE, output: outputs.text() }),
        },
        code => Err(Error::PlanExited { code: code.unwrap_or(-1), output: outputs.text() }),
    }
}

fn panicked(panic: panic::Panic, outputs: &Outputs) -> Error {
    Error::PlanPanicked { message: panic.message, location: panic.location, output: outputs.text() }
}

#[cfg(test)]
mod tests;
