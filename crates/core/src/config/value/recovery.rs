//! Names that stand for choices of how jobs survive failures.

use super::{ConfigValue, Mismatch, RawValue, parse_scalar};
use crate::{
    checkpoint::{CheckpointMode, Retention},
    job_config::ClaimMode,
};

/// Returns what a name stands for; the case does not matter, nor whether words are joined by `-` or `_`.
fn choose<T: ConfigValue + Copy>(raw: &RawValue, choices: &[(&str, T)]) -> Result<T, Mismatch> {
    let is_same = |text: &str, name: &str| text.replace('-', "_").eq_ignore_ascii_case(name);
    parse_scalar(raw, |text| choices.iter().find(|(name, _)| is_same(text, name)).map(|(_, choice)| *choice))
}

impl ConfigValue for CheckpointMode {
    fn allowed() -> String {
        "EXACTLY_ONCE or AT_LEAST_ONCE".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        choose(raw, &[("EXACTLY_ONCE", Self::ExactlyOnce), ("AT_LEAST_ONCE", Self::AtLeastOnce)])
    }
}

impl ConfigValue for Retention {
    fn allowed() -> String {
        "NO_EXTERNALIZED_CHECKPOINTS, DELETE_ON_CANCELLATION or RETAIN_ON_CANCELLATION".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        let choices = [
            ("NO_EXTERNALIZED_CHECKPOINTS", Self::NoExternalizedCheckpoints),
            ("DELETE_ON_CANCELLATION", Self::DeleteOnCancellation),
            ("RETAIN_ON_CANCELLATION", Self::RetainOnCancellation),
        ];
        choose(raw, &choices)
    }
}

impl ConfigValue for ClaimMode {
    fn allowed() -> String {
        "NO_CLAIM or CLAIM".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok())
    }
}

/// Which restart strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartStrategyName {
    /// Failed jobs are not started again.
    None,
    /// So many times, after a fixed time.
    FixedDelay,
    /// As long as they do not fail too often.
    FailureRate,
    /// After longer and longer times.
    ExponentialDelay,
}

impl ConfigValue for RestartStrategyName {
    fn allowed() -> String {
        "none (or off, disable), fixed-delay, failure-rate or exponential-delay".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        let choices = [
            ("none", Self::None),
            ("off", Self::None),
            ("disable", Self::None),
            ("fixed_delay", Self::FixedDelay),
            ("fixeddelay", Self::FixedDelay),
            ("failure_rate", Self::FailureRate),
            ("failurerate", Self::FailureRate),
            ("exponential_delay", Self::ExponentialDelay),
            ("exponentialdelay", Self::ExponentialDelay),
        ];
        choose(raw, &choices)
    }
}

/// Where jobs keep their state while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateBackend {
    /// In memory.
    HashMap,
}

impl ConfigValue for StateBackend {
    fn allowed() -> String {
        "hashmap, which keeps all state in memory (backends on disk such as rocksdb and forst are not supported)"
            .to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        let choices =
            [("hashmap", Self::HashMap), ("jobmanager", Self::HashMap), ("filesystem", Self::HashMap)];
        choose(raw, &choices)
    }
}

impl ConfigValue for f64 {
    fn allowed() -> String {
        "a number, such as 1.5".to_owned()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        parse_scalar(raw, |text| text.parse().ok().filter(|number: &Self| number.is_finite()))
    }
}
