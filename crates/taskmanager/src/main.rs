//! The TaskManager daemon.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use flott_core::config::{Configuration, Warning};
use flott_logging::LogConfig;
use flott_taskmanager::{
    Ended, OutputWriter, ProcessLauncher, RunningTaskManager, TaskManager, TaskManagerConfig,
};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a configuration that can't be used (`EX_CONFIG`).
const BAD_CONFIGURATION: u8 = 78;

/// The daemon waits for the network nearly all the time; user code runs in other processes.
const WORKER_THREADS: usize = 2;

/// Threads for what blocks, such as files.
const MAX_BLOCKING_THREADS: usize = 8;

/// How long threads that block may take to end when all work is done.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The file in the configuration directory.
const CONFIG_FILE: &str = "config.yaml";

/// Offers the slots of this machine to a Flott JobManager and runs task hosts in them.
#[derive(Debug, Parser)]
#[command(name = "taskmanager", version)]
struct Arguments {
    /// Directory of config.yaml; FLOTT_CONF_DIR if not given. Without either all options have their defaults.
    #[arg(long = "configDir", value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Sets an option, before the file. May be repeated.
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (config, warnings) = match configuration(&arguments) {
        Ok(read) => read,
        Err(errors) => {
            for error in errors {
                eprintln!("{error}");
            }
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match run(&config, &warnings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "TaskManager can't go on");
            eprintln!("taskmanager: {error}");
            ExitCode::FAILURE
        }
    }
}

fn configuration(arguments: &Arguments) -> Result<(Configuration, Vec<Warning>), Vec<String>> {
    let from_environment =
        || std::env::var_os("FLOTT_CONF_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let (text, name) = match arguments.config_dir.clone().or_else(from_environment) {
        Some(dir) => read_config(&dir)?,
        None => (String::new(), CONFIG_FILE.to_owned()),
    };
    Configuration::parse_with_overrides(&text, &name, &arguments.overrides)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn read_config(dir: &Path) -> Result<(String, String), Vec<String>> {
    let path = dir.join(CONFIG_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((text, path.display().to_string())),
        Err(error) => Err(vec![format!("cannot read the configuration {}: {error}", path.display())]),
    }
}

fn run(config: &Configuration, warnings: &[Warning]) -> anyhow::Result<()> {
    let log = LogConfig::new(config);
    let log_filter = flott_logging::init(&log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let mut settings = TaskManagerConfig::new(config);
    settings.log_file = log.file;
    settings.log_filter = Some(log_filter);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(settings));
    // A thread that hangs on a dead disk or name server must not keep the process.
    runtime.shutdown_timeout(EXIT_TIMEOUT);
    served
}

async fn serve(settings: TaskManagerConfig) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let launcher = ProcessLauncher::new(&settings, OutputWriter::to_own_output()?)?;
    let mut task_manager = TaskManager::start(settings, Arc::new(launcher)).await?;
    tokio::select! {
        ended = task_manager.ended() => return outcome(ended),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to stop");
    stop(task_manager).await
}

async fn stop(mut task_manager: RunningTaskManager) -> anyhow::Result<()> {
    task_manager.stop();
    let ended = task_manager.ended().await;
    tracing::info!("stopped");
    outcome(ended)
}

fn outcome(ended: Ended) -> anyhow::Result<()> {
    match ended {
        Ended::Stopped => Ok(()),
        Ended::Failed(error) => Err(error.into()),
    }
}
