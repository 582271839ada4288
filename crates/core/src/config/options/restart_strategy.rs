//! Options of how often a job that has failed is started again. All can be set for one job too.

use std::time::Duration;

use crate::{
    config::{Configuration, option::options, value::RestartStrategyName},
    restart::RestartStrategy,
};

options! {
    /// When a job that has failed is started again: `none` (or `off`, `disable`), `fixed-delay`, `failure-rate` or
    /// `exponential-delay`. Unset: `exponential-delay` for jobs with checkpoints, `none` for others.
    TYPE: Option<RestartStrategyName> = "restart-strategy.type", older ["restart-strategy"];
    /// With `fixed-delay`: how many times. 2147483647 stands for as often as it fails.
    FIXED_DELAY_ATTEMPTS: u32 = "restart-strategy.fixed-delay.attempts", default "1";
    /// With `fixed-delay`: how long to wait each time.
    FIXED_DELAY_DELAY: Duration = "restart-strategy.fixed-delay.delay", default "1 s";
    /// With `failure-rate`: how many failures within the interval do not yet end the job.
    FAILURE_RATE_MAX_FAILURES: u32 = "restart-strategy.failure-rate.max-failures-per-interval", default "1";
    /// With `failure-rate`: the interval.
    FAILURE_RATE_INTERVAL: Duration = "restart-strategy.failure-rate.failure-rate-interval", default "1 min",
        limit "a duration of more than 0, such as 1 min" => |interval| !interval.is_zero();
    /// With `failure-rate`: how long to wait each time.
    FAILURE_RATE_DELAY: Duration = "restart-strategy.failure-rate.delay", default "1 s";
    /// With `exponential-delay`: how long to wait after the first failure.
    EXPONENTIAL_INITIAL: Duration = "restart-strategy.exponential-delay.initial-backoff", default "1 s",
        limit "a duration of more than 0, such as 1 s" => |backoff| !backoff.is_zero();
    /// With `exponential-delay`: how long to wait at most. At least the initial backoff.
    EXPONENTIAL_MAX: Duration = "restart-strategy.exponential-delay.max-backoff", default "1 min";
    /// With `exponential-delay`: how many times as long to wait after each further failure.
    EXPONENTIAL_MULTIPLIER: f64 = "restart-strategy.exponential-delay.backoff-multiplier", default "1.5",
        limit "a number from 1 to 1000, such as 1.5" => |multiplier| (1.0..=1000.0).contains(multiplier);
    /// With `exponential-delay`: how long a job must have run without a failure for the next wait to be the first one again.
    EXPONENTIAL_RESET_AFTER: Duration = "restart-strategy.exponential-delay.reset-backoff-threshold", default "1 h";
    /// With `exponential-delay`: by which share of it each wait is made longer or shorter at random, so that jobs that fail
    /// together do not start together.
    EXPONENTIAL_JITTER: f64 = "restart-strategy.exponential-delay.jitter-factor", default "0.1",
        limit "a number from 0 to 1, such as 0.1" => |jitter| (0.0..=1.0).contains(jitter);
    /// With `exponential-delay`: how many failures in a row end the job. 2147483647 stands for none.
    EXPONENTIAL_ATTEMPTS: u32 = "restart-strategy.exponential-delay.attempts-before-reset-backoff",
        default "2147483647";
}

/// Java's greatest int, with which Flink's users say "without end".
const ENDLESS: u32 = i32::MAX as u32;

/// Returns the strategy that is set, `None` if there is none.
pub fn strategy(config: &Configuration) -> Option<RestartStrategy> {
    let millis = |option| crate::config::duration::millis(config.get(option));
    let attempts = |option| match config.get(option) {
        ENDLESS.. => u32::MAX,
        attempts => attempts,
    };
    Some(match config.get(&TYPE)? {
        RestartStrategyName::None => RestartStrategy::None,
        RestartStrategyName::FixedDelay => RestartStrategy::FixedDelay {
            attempts: attempts(&FIXED_DELAY_ATTEMPTS),
            delay_ms: millis(&FIXED_DELAY_DELAY),
        },
        RestartStrategyName::FailureRate => RestartStrategy::FailureRate {
            max_failures: attempts(&FAILURE_RATE_MAX_FAILURES),
            interval_ms: millis(&FAILURE_RATE_INTERVAL),
            delay_ms: millis(&FAILURE_RATE_DELAY),
        },
        RestartStrategyName::ExponentialDelay => RestartStrategy::ExponentialDelay {
            initial_ms: millis(&EXPONENTIAL_INITIAL),
            max_ms: millis(&EXPONENTIAL_MAX),
            multiplier: config.get(&EXPONENTIAL_MULTIPLIER),
            reset_after_ms: millis(&EXPONENTIAL_RESET_AFTER),
            jitter: config.get(&EXPONENTIAL_JITTER),
            attempts: attempts(&EXPONENTIAL_ATTEMPTS),
        },
    })
}
