//! Whether a job measures how long records take to its sinks, as configured.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::{Configuration, duration::millis, options::metrics};

/// How latencies are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatencyGranularity {
    /// By the operator that is reached.
    Single,
    /// By that and the source.
    #[default]
    Operator,
    /// By that and the source's subtask.
    Subtask,
}

/// A text that names no granularity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown granularity \"{0}\": expected single, operator or subtask")]
pub struct ParseLatencyGranularityError(String);

impl FromStr for LatencyGranularity {
    type Err = ParseLatencyGranularityError;

    fn from_str(text: &str) -> Result<Self, ParseLatencyGranularityError> {
        match text.to_ascii_lowercase().as_str() {
            "single" => Ok(Self::Single),
            "operator" => Ok(Self::Operator),
            "subtask" => Ok(Self::Subtask),
            _ => Err(ParseLatencyGranularityError(text.to_owned())),
        }
    }
}

impl fmt::Display for LatencyGranularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Operator => "operator",
            Self::Subtask => "subtask",
        })
    }
}

/// How a job measures latency: its sources let marks flow with the records, and whoever gets one notes how old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatencySettings {
    /// How often each subtask of a source marks the time, in milliseconds; 0 for never.
    pub interval_ms: u64,
    /// How latencies are told apart.
    pub granularity: LatencyGranularity,
    /// How many of the latest values a distribution describes.
    pub history_size: u32,
}

impl Default for LatencySettings {
    fn default() -> Self {
        Self { interval_ms: 0, granularity: LatencyGranularity::default(), history_size: 128 }
    }
}

impl LatencySettings {
    pub(super) fn from_configuration(config: &Configuration) -> Self {
        Self {
            interval_ms: millis(config.get(&metrics::LATENCY_INTERVAL)),
            granularity: config.get(&metrics::LATENCY_GRANULARITY),
            history_size: config.get(&metrics::LATENCY_HISTORY_SIZE),
        }
    }

    /// How often each subtask of a source marks the time; `None` for never.
    pub fn interval(&self) -> Option<Duration> {
        (self.interval_ms > 0).then(|| Duration::from_millis(self.interval_ms))
    }

    /// Whether they are what they are where nobody has set any.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
