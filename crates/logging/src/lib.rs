//! Log files of the daemons.
//!
//! One line an event, in the form that Flink's tools and people know:
//!
//! ```text
//! 2026-11-22 23:33:18,531 INFO  flott_taskmanager::registration [] - registered leader_epoch=3
//! ```
//!
//! The brackets hold the fields of the spans around the event. A file is bounded in size; older ones are kept beside it
//! as `.1`, `.2` and so on. Which events are logged can be changed while the process runs ([`LogFilter`]), and what was
//! logged can be searched ([`search`]).

mod filter;
mod format;
mod rotate;
mod search;

use std::{io, path::PathBuf};

use flott_core::config::{Configuration, LogLevel, options::env};
use tracing_subscriber::{Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt};

pub use crate::{
    filter::{BadFilter, LogFilter},
    search::search,
};
use crate::{format::FlinkLines, rotate::RotatingFile};

/// Names the log file; set by the scripts. Unset: the log goes to stdout.
pub const ENV_LOG_FILE: &str = "FLOTT_LOG_FILE";

/// Beats `env.log.max`.
pub const ENV_LOG_MAX: &str = "FLOTT_LOG_MAX";

/// What Flink's scripts call it; counts if `FLOTT_LOG_MAX` is not set.
pub const ENV_MAX_LOG_FILE_NUMBER: &str = "MAX_LOG_FILE_NUMBER";

/// A log file that has grown beyond this is set aside and a new one begun.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Where and how much to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The log file; `None` = stdout.
    pub file: Option<PathBuf>,
    /// Lesser events are left out.
    pub level: LogLevel,
    /// How many older files are kept.
    pub max_older_files: u32,
}

impl LogConfig {
    /// What environment and configuration say. A variable that should be a number and is none is passed over.
    pub fn new(config: &Configuration) -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text: String| text.trim().parse().ok());
        let from_environment = number(ENV_LOG_MAX).or_else(|| number(ENV_MAX_LOG_FILE_NUMBER));
        Self {
            file: std::env::var_os(ENV_LOG_FILE).filter(|name| !name.is_empty()).map(PathBuf::from),
            level: config.get(&env::LOG_LEVEL),
            max_older_files: from_environment.unwrap_or_else(|| config.get(&env::LOG_MAX)),
        }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be written.
    #[error("cannot open log file {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process logs already.
    #[error("logging was set up before")]
    AlreadySetUp,
}

/// Sends all events of this process to where `config` says, and panics too. Returns what changes which events that are. For
/// the `main` of a daemon: what is embedded in other programs leaves logging to them.
///
/// # Errors
///
/// If the file can't be opened, or the process logs already.
pub fn init(config: &LogConfig) -> Result<LogFilter, Error> {
    let (filter, filter_layer) = LogFilter::new(config.level);
    let registry = Registry::default().with(filter_layer);
    let layer = fmt::layer().with_ansi(false).event_format(FlinkLines).fmt_fields(format::Fields);
    let outcome = match &config.file {
        Some(path) => {
            let file = RotatingFile::open(path, MAX_FILE_BYTES, config.max_older_files)
                .map_err(|source| Error::Open { path: path.clone(), source })?;
            registry.with(layer.with_writer(std::sync::Mutex::new(file))).try_init()
        }
        None => registry.with(layer.with_writer(io::stdout)).try_init(),
    };
    outcome.map_err(|_| Error::AlreadySetUp)?;
    log_panics();
    Ok(filter)
}

/// Panics of daemons are bugs of ours: they belong in the log, and on stderr as ever.
fn log_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(%location, "panicked: {message}");
        previous(panic);
    }));
}
