//! How often a failed job is started again.

use serde::{Deserialize, Serialize};

/// When a job that has failed starts again; Flink's restart strategies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum RestartStrategy {
    /// Never.
    None,
    /// So many times, each time after the same delay.
    FixedDelay {
        /// How many times; `u32::MAX` for as often as it fails.
        attempts: u32,
        /// In milliseconds.
        delay_ms: u64,
    },
    /// As long as it does not fail too often.
    FailureRate {
        /// Most failures within the interval.
        max_failures: u32,
        /// In milliseconds.
        interval_ms: u64,
        /// In milliseconds.
        delay_ms: u64,
    },
    /// Each time after a longer delay, until it has run well for some time.
    ExponentialDelay {
        /// In milliseconds.
        initial_ms: u64,
        /// The longest one, in milliseconds.
        max_ms: u64,
        /// By how much it grows with each failure.
        multiplier: f64,
        /// How long the job must have run without a failure for the delay to be the first one again, in milliseconds.
        reset_after_ms: u64,
        /// Share of the delay by which it is made longer or shorter at random.
        jitter: f64,
        /// How many failures in a row end the job; `u32::MAX` for none.
        attempts: u32,
    },
}

impl Eq for RestartStrategy {}

impl RestartStrategy {
    /// That of jobs with checkpoints that set none.
    pub const EXPONENTIAL: Self = Self::ExponentialDelay {
        initial_ms: 1_000,
        max_ms: 60_000,
        multiplier: 1.5,
        reset_after_ms: 3_600_000,
        jitter: 0.1,
        attempts: u32::MAX,
    };
}
