//! Settings of one job, as its submitter gave them.

mod latency;
mod recovery;

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    RecoverySettings, VertexId,
    config::{
        AnyOption, Configuration, duration,
        options::{execution, metrics, pipeline},
    },
};

pub use latency::{LatencyGranularity, LatencySettings, ParseLatencyGranularityError};
pub use recovery::{ClaimMode, ParseClaimModeError};

/// How a job over bounded input is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RuntimeMode {
    /// A keyed aggregate emits each update.
    #[default]
    Streaming,
    /// A keyed aggregate emits its final result only. All sources must be bounded.
    Batch,
    /// `Batch` if all sources are bounded, else `Streaming`.
    Automatic,
}

/// A text that names no runtime mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown runtime mode \"{0}\": expected STREAMING, BATCH or AUTOMATIC")]
pub struct ParseRuntimeModeError(String);

impl FromStr for RuntimeMode {
    type Err = ParseRuntimeModeError;

    fn from_str(text: &str) -> Result<Self, ParseRuntimeModeError> {
        match text.to_ascii_uppercase().as_str() {
            "STREAMING" => Ok(Self::Streaming),
            "BATCH" => Ok(Self::Batch),
            "AUTOMATIC" => Ok(Self::Automatic),
            _ => Err(ParseRuntimeModeError(text.to_owned())),
        }
    }
}

impl fmt::Display for RuntimeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streaming => "STREAMING",
            Self::Batch => "BATCH",
            Self::Automatic => "AUTOMATIC",
        })
    }
}

/// What the cluster tells a job's program before it builds its dataflow. The same in plan mode and in each task
/// host, since all must arrive at the same graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobConfig {
    /// Parallelism of operators that set none.
    pub parallelism: u32,
    /// Max parallelism of operators that set none; `None` derives it from the parallelism.
    pub max_parallelism: Option<u32>,
    /// How to run if the program does not say.
    pub runtime_mode: RuntimeMode,
    /// After how long a partial batch is sent, in milliseconds. 0 sends after each input batch.
    pub buffer_timeout_ms: u64,
    /// How often watermarks are made, in milliseconds; 0 for never.
    pub auto_watermark_interval_ms: u64,
    /// Whether operators may be chained.
    pub operator_chaining: bool,
    /// Name that replaces the program's own.
    pub name: Option<String>,
    /// How the job survives failures, if its program does not say.
    pub recovery: Box<RecoverySettings>,
    /// How often subtasks report what they measure, in milliseconds; 0 for never while they run.
    #[serde(skip_serializing_if = "is_default_interval")]
    pub metrics_interval_ms: u64,
    /// Whether and how the job measures how long records take. Programs of earlier releases don't know it, and need not
    /// unless it is used.
    #[serde(skip_serializing_if = "LatencySettings::is_default")]
    pub latency: LatencySettings,
    /// What the submitter set beyond these, as key and value.
    pub settings: BTreeMap<String, String>,
    /// Set when the job is rescaled: with how many subtasks vertices run whose number is not that of the program. How
    /// operators are chained, and how their records are spread, stays as the program has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rescaled: BTreeMap<VertexId, u32>,
}

/// How often subtasks report what they measure unless it is set.
const METRICS_INTERVAL_MS: u64 = 500;

/// Programs of earlier releases don't know the field, and need not unless it is set.
fn is_default_interval(millis: &u64) -> bool {
    *millis == METRICS_INTERVAL_MS
}

impl Default for JobConfig {
    fn default() -> Self {
        Self {
            parallelism: 1,
            max_parallelism: None,
            runtime_mode: RuntimeMode::default(),
            buffer_timeout_ms: 100,
            auto_watermark_interval_ms: 200,
            operator_chaining: true,
            name: None,
            recovery: Box::default(),
            metrics_interval_ms: METRICS_INTERVAL_MS,
            latency: LatencySettings::default(),
            settings: BTreeMap::new(),
            rescaled: BTreeMap::new(),
        }
    }
}

impl JobConfig {
    /// The settings of a job under this configuration, into which what was `submitted` with the job is already merged.
    /// What was submitted and has no field here becomes [`settings`](Self::settings).
    pub fn from_configuration(config: &Configuration, submitted: &BTreeMap<String, String>) -> Self {
        let fields: [&dyn AnyOption; 11] = [
            &execution::PARALLELISM,
            &execution::RUNTIME_MODE,
            &execution::BUFFER_TIMEOUT,
            &pipeline::MAX_PARALLELISM,
            &pipeline::AUTO_WATERMARK_INTERVAL,
            &pipeline::OPERATOR_CHAINING,
            &pipeline::NAME,
            &metrics::UPDATE_INTERVAL,
            &metrics::LATENCY_INTERVAL,
            &metrics::LATENCY_GRANULARITY,
            &metrics::LATENCY_HISTORY_SIZE,
        ];
        let is_field = |key: &str| {
            let mut fields = fields.into_iter().chain(recovery::options());
            fields.any(|option| option.key() == key || option.older_keys().contains(&key))
        };
        let others = submitted.iter().filter(|(key, _)| !is_field(key));
        Self {
            parallelism: config.get(&execution::PARALLELISM),
            max_parallelism: config.get(&pipeline::MAX_PARALLELISM),
            runtime_mode: config.get(&execution::RUNTIME_MODE),
            buffer_timeout_ms: duration::millis(config.get(&execution::BUFFER_TIMEOUT)),
            auto_watermark_interval_ms: duration::millis(config.get(&pipeline::AUTO_WATERMARK_INTERVAL)),
            operator_chaining: config.get(&pipeline::OPERATOR_CHAINING),
            name: config.get(&pipeline::NAME),
            recovery: Box::new(RecoverySettings::from_configuration(config)),
            metrics_interval_ms: duration::millis(config.get(&metrics::UPDATE_INTERVAL)),
            latency: LatencySettings::from_configuration(config),
            settings: others.map(|(key, value)| (key.clone(), value.clone())).collect(),
            rescaled: BTreeMap::new(),
        }
    }
}
