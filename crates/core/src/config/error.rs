use std::{fmt, sync::Arc};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line (counted from 1) of a configuration file.
    File {
        /// Name of the file, as the caller gave it.
        name: Arc<str>,
        /// Line of the key.
        line: usize,
    },
    /// A `-D key=value` option.
    CommandLine,
    /// The settings that came with one job's submission.
    Submission,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::CommandLine => f.write_str("command line"),
            Self::Submission => f.write_str("job submission"),
        }
    }
}

/// A configuration that cannot be used. The text names place, key, what was found and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Where it was written.
    pub origin: Origin,
    /// Full key with dots; `None` if the text is broken before a key is known.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}", self.problem)
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not YAML, or YAML of a form that a configuration does not have.
    #[error("{0}")]
    Syntax(String),
    /// The key stands twice in one file, perhaps once nested and once flat, or under an older name.
    #[error("set twice, first at {first}: remove one of the two")]
    Duplicate {
        /// Where it was set first.
        first: Origin,
    },
    /// The value has not the type, the unit or the range of its option.
    #[error("got {got}, allowed: {allowed}")]
    Value {
        /// The value as written, quoted, or `******` for a secret.
        got: String,
        /// What may stand there.
        allowed: String,
    },
    /// An override is not of the form `key=value`.
    #[error("got \"{0}\", allowed: key=value, such as -D rest.port=8082")]
    Override(String),
}

/// A configuration that works, but perhaps not as its author expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Neither Flott nor Flink knows the key.
    UnknownKey {
        /// Where it was written.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The most similar key of Flott.
        nearest: Option<&'static str>,
    },
    /// Flink has the key; Flott has nothing that it would control.
    NoEffect {
        /// Where it was written.
        origin: Origin,
        /// The key as written.
        key: String,
    },
    /// The key has a newer name. The value is used.
    Renamed {
        /// Where it was written.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The name to use.
        now: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { origin, key, nearest: Some(nearest) } => {
                write!(f, "{origin}: {key}: unknown key, ignored; did you mean {nearest}?")
            }
            Self::UnknownKey { origin, key, nearest: None } => {
                write!(f, "{origin}: {key}: unknown key, ignored; docs/configuration.md lists all keys")
            }
            Self::NoEffect { origin, key } => {
                write!(f, "{origin}: {key}: known to Flink, has no effect in Flott")
            }
            Self::Renamed { origin, key, now } => {
                write!(f, "{origin}: {key}: older name of {now}, which should be used instead")
            }
        }
    }
}
