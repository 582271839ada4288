use std::{fmt, str::FromStr};

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};
use crate::job_config::{LatencyGranularity, RuntimeMode};

impl ConfigValue for bool {
    fn allowed() -> String {
        "true or false".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| {
            if text.eq_ignore_ascii_case("true") {
                Some(true)
            } else if text.eq_ignore_ascii_case("false") {
                Some(false)
            } else {
                None
            }
        })
    }
}

impl ConfigValue for u32 {
    fn allowed() -> String {
        format!("a whole number from 0 to {}", u32::MAX)
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok())
    }
}

impl ConfigValue for String {
    fn allowed() -> String {
        "a text".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| Some(text.to_owned()))
    }
}

impl ConfigValue for Vec<String> {
    fn allowed() -> String {
        "a list, as in [a, b] or a;b".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        let items: Vec<&str> = match raw {
            RawValue::Scalar(text) => text.split([',', ';']).collect(),
            RawValue::List(items) => items.iter().map(String::as_str).collect(),
        };
        Ok(items.into_iter().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }
}

impl ConfigValue for RuntimeMode {
    fn allowed() -> String {
        "STREAMING, BATCH or AUTOMATIC".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok())
    }
}

impl ConfigValue for LatencyGranularity {
    fn allowed() -> String {
        "single, operator or subtask".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok())
    }
}

/// How much the daemons log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What someone must act on.
    Error,
    /// What was recovered from, too.
    Warn,
    /// The history of jobs and TaskManagers, too.
    Info,
    /// Decisions, too.
    Debug,
    /// Messages, too.
    Trace,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        })
    }
}

/// The text names no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is none of ERROR, WARN, INFO, DEBUG and TRACE")]
pub struct UnknownLogLevel;

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    /// Upper and lower case alike.
    fn from_str(text: &str) -> Result<Self, UnknownLogLevel> {
        let levels = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
        let named = |level: &Self| level.to_string().eq_ignore_ascii_case(text);
        levels.into_iter().find(named).ok_or(UnknownLogLevel)
    }
}

impl ConfigValue for LogLevel {
    fn allowed() -> String {
        "ERROR, WARN, INFO, DEBUG or TRACE".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok())
    }
}
