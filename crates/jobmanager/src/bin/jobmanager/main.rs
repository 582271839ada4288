//! The JobManager daemon.

mod arguments;
mod ready_file;

use std::{path::PathBuf, process::ExitCode};

use arguments::Arguments;
use clap::Parser;
use flott_core::config::{Configuration, Warning};
use flott_jobmanager::{Ended, JobManager, JobManagerOptions};
use flott_logging::LogConfig;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// Names the file that stdout and stderr go to; set by the scripts.
const ENV_OUT_FILE: &str = "FLOTT_OUT_FILE";

/// The control plane does little work of its own, and its users' jobs want the cores.
const WORKER_THREADS: usize = 2;
/// Threads that wait for the disk.
const BLOCKING_THREADS: usize = 8;

/// `EX_CONFIG` of sysexits.h.
const EXIT_CONFIG: u8 = 78;
/// `EX_SOFTWARE` of sysexits.h: whoever supervises this process starts it again.
const EXIT_UNDRAINED: u8 = 70;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing better can be done if stdout or stderr is closed.
            let _ = error.print();
            return if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let (config, warnings) = match arguments.configuration() {
        Ok(config) => config,
        Err(errors) => {
            for error in errors {
                eprintln!("[ERROR] {error}");
            }
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let log = LogConfig::new(&config);
    let log_filter = match flott_logging::init(&log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("[ERROR] {error}");
            return ExitCode::FAILURE;
        }
    };
    let log_filter = Some(log_filter);
    match run(config, &warnings, JobManagerOptions { log_file: log.file, log_filter, ..Default::default() }) {
        Ok(Ended::Stopped) => ExitCode::SUCCESS,
        Ok(Ended::Undrained) => ExitCode::from(EXIT_UNDRAINED),
        Err(error) => {
            let error = format!("{error:#}");
            error!(error, "JobManager can't start");
            eprintln!("[ERROR] {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Configuration, warnings: &[Warning], options: JobManagerOptions) -> anyhow::Result<Ended> {
    info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "JobManager is starting");
    for warning in warnings {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("jobmanager")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve(config, options));
    // A blocked disk must not keep the process from ending.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Configuration, mut options: JobManagerOptions) -> anyhow::Result<Ended> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    options.stdout_file = std::env::var_os(ENV_OUT_FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
    let job_manager = JobManager::start(config, options).await?;
    let _ready = ready_file::announce(job_manager.rest_addr)?;
    let handle = job_manager.handle.clone();
    let mut ended = std::pin::pin!(job_manager.ended());
    let mut signals = 0;
    loop {
        tokio::select! {
            ended = &mut ended => return Ok(ended),
            Some(()) = terminate.recv() => info!(signal = "SIGTERM", "told to end"),
            Some(()) = interrupt.recv() => info!(signal = "SIGINT", "told to end"),
        }
        signals += 1;
        if signals > 1 {
            anyhow::bail!("told twice to end: running jobs were left as they are");
        }
        handle.shut_down();
    }
}
