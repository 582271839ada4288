//! How a job survives failures, as configured.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    RecoverySettings,
    checkpoint::CheckpointSettings,
    config::{
        AnyOption, Configuration,
        duration::millis,
        options::{checkpointing, restart_strategy, s3, state_recovery},
    },
};

/// To whom the files of the savepoint belong that a job begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClaimMode {
    /// They stay the user's, and are never deleted by the job.
    #[default]
    NoClaim,
    /// They become the job's.
    Claim,
}

/// A text that names no claim mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown claim mode \"{0}\": expected NO_CLAIM or CLAIM")]
pub struct ParseClaimModeError(String);

impl FromStr for ClaimMode {
    type Err = ParseClaimModeError;

    /// Takes Flink's former `LEGACY` too. There nobody owns the files and they are used again; never deleting them is the
    /// part of it that can be relied on.
    fn from_str(text: &str) -> Result<Self, ParseClaimModeError> {
        match text.replace('-', "_").to_ascii_uppercase().as_str() {
            "NO_CLAIM" | "LEGACY" => Ok(Self::NoClaim),
            "CLAIM" => Ok(Self::Claim),
            _ => Err(ParseClaimModeError(text.to_owned())),
        }
    }
}

impl fmt::Display for ClaimMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoClaim => "NO_CLAIM",
            Self::Claim => "CLAIM",
        })
    }
}

/// The options whose values a job's program does not see as free settings: those that have a field, those that the
/// JobManager alone obeys, and secrets.
pub(super) fn options() -> impl Iterator<Item = &'static dyn AnyOption> {
    let groups = [checkpointing::ALL, state_recovery::ALL, restart_strategy::ALL, s3::ALL];
    groups.into_iter().flatten().copied()
}

impl RecoverySettings {
    /// What is configured.
    pub fn from_configuration(config: &Configuration) -> Self {
        Self {
            checkpoints: CheckpointSettings {
                interval_ms: config
                    .get(&checkpointing::INTERVAL)
                    .map(millis)
                    .filter(|interval| *interval > 0),
                mode: config.get(&checkpointing::MODE),
                timeout_ms: millis(config.get(&checkpointing::TIMEOUT)),
                min_pause_ms: millis(config.get(&checkpointing::MIN_PAUSE)),
                max_concurrent: config.get(&checkpointing::MAX_CONCURRENT),
                tolerable_failures: config.get(&checkpointing::TOLERABLE_FAILURES),
                unaligned: config.get(&checkpointing::UNALIGNED),
                aligned_timeout_ms: millis(config.get(&checkpointing::ALIGNED_TIMEOUT)),
                incremental: config.get(&checkpointing::INCREMENTAL),
                num_retained: config.get(&checkpointing::NUM_RETAINED),
                retention: config.get(&checkpointing::RETENTION),
                after_tasks_finish: config.get(&checkpointing::AFTER_TASKS_FINISH),
                inline_threshold: config.get(&checkpointing::INLINE_THRESHOLD).bytes(),
            },
            restart: restart_strategy::strategy(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        checkpoint::{CheckpointMode, Retention},
        job_config::JobConfig,
        restart::RestartStrategy,
    };

    fn settings(text: &str) -> RecoverySettings {
        RecoverySettings::from_configuration(&Configuration::parse(text, "config.yaml").unwrap().0)
    }

    #[test]
    fn what_is_not_configured_is_as_by_default() {
        assert_eq!(settings(""), RecoverySettings::default());
        assert_eq!(settings("").restart_strategy(), RestartStrategy::None);
        let enabled = settings("execution.checkpointing.interval: 10 s");
        assert_eq!(enabled.restart_strategy(), RestartStrategy::EXPONENTIAL);
        let by_name = settings("restart-strategy.type: exponential-delay");
        assert_eq!(
            by_name.restart,
            Some(RestartStrategy::EXPONENTIAL),
            "its parameters' defaults are the same"
        );
    }

    #[test]
    fn checkpoints_are_set_by_flinks_keys() {
        let text = "\
execution.checkpointing.interval: 5 s
execution.checkpointing.mode: at-least-once
execution.checkpointing.timeout: 1 min
execution.checkpointing.min-pause: 1 s
execution.checkpointing.max-concurrent-checkpoints: 2
execution.checkpointing.tolerable-failed-checkpoints: 0
execution.checkpointing.unaligned: true
execution.checkpointing.aligned-checkpoint-timeout: 30 s
state.backend.incremental: false
state.checkpoints.num-retained: 3
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
execution.checkpointing.checkpoints-after-tasks-finish: false
execution.checkpointing.data-inline-threshold: 1 kb
";
        let expected = CheckpointSettings {
            interval_ms: Some(5_000),
            mode: CheckpointMode::AtLeastOnce,
            timeout_ms: 60_000,
            min_pause_ms: 1_000,
            max_concurrent: 2,
            tolerable_failures: Some(0),
            unaligned: true,
            aligned_timeout_ms: 30_000,
            incremental: false,
            num_retained: 3,
            retention: Retention::RetainOnCancellation,
            after_tasks_finish: false,
            inline_threshold: 1_024,
        };
        assert_eq!(settings(text).checkpoints, expected);
        assert!(!settings("execution.checkpointing.interval: 0").checkpoints.is_enabled());
    }

    #[test]
    fn restart_strategies_are_set_by_flinks_keys() {
        let strategy = |text: &str| settings(text).restart.unwrap();
        for none in ["none", "off", "disable", "NONE"] {
            assert_eq!(strategy(&format!("restart-strategy: {none}")), RestartStrategy::None);
        }
        assert_eq!(
            strategy(
                "restart-strategy: {type: fixed-delay, fixed-delay: {attempts: 2147483647, delay: 10 s}}"
            ),
            RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms: 10_000 }
        );
        assert_eq!(
            strategy("restart-strategy.type: fixeddelay"),
            RestartStrategy::FixedDelay { attempts: 1, delay_ms: 1_000 }
        );
        assert_eq!(
            strategy("restart-strategy.type: failure-rate\nrestart-strategy.failure-rate.delay: 0 s"),
            RestartStrategy::FailureRate { max_failures: 1, interval_ms: 60_000, delay_ms: 0 }
        );
        let text = "restart-strategy.type: exponential-delay\n\
                    restart-strategy.exponential-delay.backoff-multiplier: 2\n\
                    restart-strategy.exponential-delay.jitter-factor: 0\n\
                    restart-strategy.exponential-delay.attempts-before-reset-backoff: 7";
        let RestartStrategy::ExponentialDelay { multiplier, jitter, attempts, .. } = strategy(text) else {
            panic!("another strategy");
        };
        assert_eq!((multiplier, jitter, attempts), (2.0, 0.0, 7));
    }

    #[test]
    fn what_the_cluster_obeys_is_not_handed_to_programs() {
        let submitted: BTreeMap<String, String> = [
            ("state.checkpoints.dir", "/data"),
            ("execution.state-recovery.path", "/data/savepoint-1"),
            ("s3.access-key", "me"),
            ("s3.secret-key", "hush"),
            ("my.key", "x"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let (config, _) =
            Configuration::default().with_settings(&submitted, &crate::config::Origin::Submission).unwrap();
        let settings = JobConfig::from_configuration(&config, &submitted).settings;
        assert_eq!(settings.into_keys().collect::<Vec<_>>(), ["my.key"]);
    }

    #[test]
    fn claim_modes_have_names() {
        for (name, mode) in [
            ("claim", ClaimMode::Claim),
            ("NO_CLAIM", ClaimMode::NoClaim),
            ("no-claim", ClaimMode::NoClaim),
            ("legacy", ClaimMode::NoClaim),
        ] {
            assert_eq!(name.parse(), Ok(mode));
        }
        assert!("mine".parse::<ClaimMode>().unwrap_err().to_string().contains("NO_CLAIM or CLAIM"));
    }
}
