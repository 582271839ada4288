//! What is logged, and how that is changed while the process runs.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flott_core::config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, filter::Targets, reload};

/// Libraries whose news are of interest only when something is wrong with them, unless they are named.
const QUIET: [&str; 6] = ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower"];

/// Longest filter, in bytes: an event may be compared with each of its targets.
const MAX_BYTES: usize = 2000;

/// Why a filter can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// There is nothing in it.
    #[error(
        "the filter is empty; it is a level such as info, or a list such as info,flott_taskmanager=debug"
    )]
    Empty,
    /// It is too long.
    #[error("the filter has {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLong(usize),
    /// A word that should be a level is none.
    #[error("\"{0}\" is no level; allowed: off, error, warn, info, debug, trace")]
    Level(String),
    /// What should be the target of events can be none.
    #[error("\"{0}\" is no target; a target is a crate or a module such as flott_jobmanager::dispatcher")]
    Target(String),
    /// The process does not log any more.
    #[error("the process is going down")]
    Gone,
}

/// A level for all events, and others for those of some targets: `info,flott_taskmanager=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// Reads a filter. Events of targets that it does not name have the level that stands alone; if none does, `otherwise`.
    fn parse(text: &str, otherwise: LevelFilter) -> Result<Self, BadFilter> {
        if text.len() > MAX_BYTES {
            return Err(BadFilter::TooLong(text.len()));
        }
        let mut filter = Self { default: otherwise, targets: Vec::new() };
        let mut is_empty = true;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            is_empty = false;
            match part.split_once('=') {
                None => filter.default = level(part)?,
                Some((target, named)) => {
                    let target = target.trim();
                    let is_target = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
                    if target.is_empty() || !target.chars().all(is_target) {
                        return Err(BadFilter::Target(target.to_owned()));
                    }
                    filter.targets.push((target.to_owned(), level(named.trim())?));
                }
            }
        }
        if is_empty { Err(BadFilter::Empty) } else { Ok(filter) }
    }

    fn targets(&self) -> Targets {
        let quiet = self.default.min(LevelFilter::WARN);
        Targets::new()
            .with_default(self.default)
            .with_targets(QUIET.map(|target| (target, quiet)))
            .with_targets(self.targets.iter().cloned())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

fn level(text: &str) -> Result<LevelFilter, BadFilter> {
    // Numbers, which the parser would take too, are more likely a mistake.
    let is_word = text.chars().all(|c| c.is_ascii_alphabetic()) && !text.is_empty();
    let level = is_word.then(|| LevelFilter::from_str(text).ok()).flatten();
    level.ok_or_else(|| BadFilter::Level(text.to_owned()))
}

/// What this process logs. Cheap to clone; all clones change the same.
#[derive(Clone)]
pub struct LogFilter(Arc<Inner>);

struct Inner {
    /// For events of which a filter says nothing.
    configured: LevelFilter,
    layer: reload::Handle<Targets, Registry>,
    text: Mutex<String>,
}

impl LogFilter {
    /// The filter that is configured, and the layer that applies it.
    pub(crate) fn new(configured: LogLevel) -> (Self, reload::Layer<Targets, Registry>) {
        let configured = match configured {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        let filter = Filter { default: configured, targets: Vec::new() };
        let (layer, handle) = reload::Layer::new(filter.targets());
        let inner = Inner { configured, layer: handle, text: Mutex::new(filter.to_string()) };
        (Self(Arc::new(inner)), layer)
    }

    /// The filter that applies now, such as `info,flott_taskmanager=debug`.
    pub fn text(&self) -> String {
        self.lock().clone()
    }

    /// Lets another filter apply from now on, until this process ends: a level, or a list of levels of targets and one for all
    /// others, which is the configured one if it is missing.
    ///
    /// # Errors
    /// If that is no filter. Then the former one goes on to apply.
    pub fn set(&self, text: &str) -> Result<(), BadFilter> {
        let filter = Filter::parse(text, self.0.configured)?;
        // Held until the change is made, so that what is told is what applies.
        let mut present = self.lock();
        self.0.layer.reload(filter.targets()).map_err(|_| BadFilter::Gone)?;
        let former = std::mem::replace(&mut *present, filter.to_string());
        let filter = present.clone();
        drop(present);
        // For whoever reads the log and wonders.
        tracing::warn!(filter, former, "the log's filter was changed");
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        // It is replaced as a whole.
        self.0.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogFilter").field(&self.text()).finish()
    }
}

impl PartialEq for LogFilter {
    /// Whether both are of the same process' log.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LogFilter {}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn parse(text: &str) -> Result<Filter, BadFilter> {
        Filter::parse(text, LevelFilter::INFO)
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let filter = parse("debug").unwrap().targets();
        assert!(filter.would_enable("flott_taskmanager::slots", &Level::DEBUG));
        assert!(!filter.would_enable("flott_taskmanager::slots", &Level::TRACE));
        assert!(!filter.would_enable("h2::codec", &Level::INFO));
        assert!(filter.would_enable("h2::codec", &Level::WARN));
        assert!(!parse("error").unwrap().targets().would_enable("h2", &Level::WARN));
        assert!(parse("h2=trace").unwrap().targets().would_enable("h2::codec", &Level::TRACE));
    }

    #[test]
    fn targets_have_levels_of_their_own_and_all_others_the_one_that_stands_alone() {
        for (text, shown) in [
            ("WARN", "warn"),
            (" warn , flott_rpc = debug,", "warn,flott_rpc=debug"),
            ("flott_jobmanager::dispatcher=trace", "info,flott_jobmanager::dispatcher=trace"),
            ("off,a=error", "off,a=error"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown, "{text}");
            assert_eq!(parse(shown), parse(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_the_reason() {
        for (text, expected) in [
            ("", BadFilter::Empty),
            (" , ", BadFilter::Empty),
            ("inof", BadFilter::Level("inof".to_owned())),
            ("3", BadFilter::Level("3".to_owned())),
            ("a=loud", BadFilter::Level("loud".to_owned())),
            ("a=", BadFilter::Level(String::new())),
            ("=info", BadFilter::Target(String::new())),
            ("[job{id=1}]=info", BadFilter::Target("[job{id".to_owned())),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        let long = "a=info,".repeat(1000);
        assert_eq!(parse(&long).unwrap_err(), BadFilter::TooLong(long.len()));
    }

    #[test]
    fn a_change_applies_at_once_and_a_bad_one_not_at_all() {
        let (filter, layer) = LogFilter::new(LogLevel::Info);
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            assert!(!tracing::enabled!(target: "x", Level::DEBUG));
            filter.set("x=debug").unwrap();
            assert!(tracing::enabled!(target: "x", Level::DEBUG));
            assert!(!tracing::enabled!(target: "y", Level::DEBUG));
            assert_eq!(filter.text(), "info,x=debug");
            filter.set("quiet please").unwrap_err();
            assert_eq!(filter.text(), "info,x=debug");
            filter.set("error").unwrap();
            assert!(!tracing::enabled!(target: "x", Level::WARN));
        });
    }
}
