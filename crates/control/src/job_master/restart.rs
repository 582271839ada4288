//! Whether and when a job that has failed starts again.

use std::{collections::VecDeque, time::Duration};

use flott_core::{JobId, MonoTime, restart::RestartStrategy};

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Start again, this long from now.
    After(Duration),
    /// Don't. Why, unless restarts were never wanted.
    GiveUp(Option<String>),
}

/// Counts failures by the job's restart strategy. Failures that belong together are to be told once.
#[derive(Clone, Debug)]
pub(super) struct Restarts {
    strategy: RestartStrategy,
    job_id: JobId,
    /// How often it was decided to start again.
    count: u64,
    memory: Memory,
}

/// What a strategy remembers.
#[derive(Clone, Debug)]
enum Memory {
    Nothing,
    /// How many failures there were.
    Failures(u32),
    /// When the last failures were, the earliest first; none that is older than the interval.
    Recent(VecDeque<MonoTime>),
    /// How many failures there were since all was well, and when the restart after the last one was due.
    Row {
        failures: u32,
        resumed_at: MonoTime,
    },
}

impl Restarts {
    pub(super) fn new(strategy: RestartStrategy, job_id: JobId) -> Self {
        let memory = match strategy {
            RestartStrategy::None => Memory::Nothing,
            RestartStrategy::FixedDelay { .. } => Memory::Failures(0),
            RestartStrategy::FailureRate { .. } => Memory::Recent(VecDeque::new()),
            RestartStrategy::ExponentialDelay { .. } => {
                Memory::Row { failures: 0, resumed_at: MonoTime::ZERO }
            }
        };
        Self { strategy, job_id, count: 0, memory }
    }

    /// How often it was decided to start again.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes in a failure that no earlier one explains.
    pub(super) fn on_failure(&mut self, now: MonoTime) -> Decision {
        let decision = match (self.strategy, &mut self.memory) {
            (RestartStrategy::FixedDelay { attempts, delay_ms }, Memory::Failures(failures)) => {
                fixed_delay(attempts, delay_ms, failures)
            }
            (
                RestartStrategy::FailureRate { max_failures, interval_ms, delay_ms },
                Memory::Recent(recent),
            ) => {
                let interval = Duration::from_millis(interval_ms);
                failure_rate(max_failures, interval, delay_ms, recent, now)
            }
            (strategy @ RestartStrategy::ExponentialDelay { .. }, Memory::Row { failures, resumed_at }) => {
                let random = random(self.job_id, self.count);
                exponential_delay(strategy, failures, resumed_at, random, now)
            }
            _ => Decision::GiveUp(None),
        };
        self.count += u64::from(matches!(decision, Decision::After(_)));
        decision
    }
}

fn fixed_delay(attempts: u32, delay_ms: u64, failures: &mut u32) -> Decision {
    if *failures >= attempts && attempts < u32::MAX {
        return Decision::GiveUp(Some(format!(
            "the job was restarted {attempts} times, which is all it may be"
        )));
    }
    *failures = failures.saturating_add(1);
    Decision::After(Duration::from_millis(delay_ms))
}

fn failure_rate(
    max_failures: u32,
    interval: Duration,
    delay_ms: u64,
    recent: &mut VecDeque<MonoTime>,
    now: MonoTime,
) -> Decision {
    while recent.front().is_some_and(|earliest| now - *earliest > interval) {
        recent.pop_front();
    }
    if recent.len() >= max_failures as usize {
        let seconds = interval.as_secs_f64();
        return Decision::GiveUp(Some(format!(
            "the job failed more than {max_failures} times within {seconds} s"
        )));
    }
    recent.push_back(now);
    Decision::After(Duration::from_millis(delay_ms))
}

fn exponential_delay(
    strategy: RestartStrategy,
    failures: &mut u32,
    resumed_at: &mut MonoTime,
    random: f64,
    now: MonoTime,
) -> Decision {
    let RestartStrategy::ExponentialDelay {
        initial_ms,
        max_ms,
        multiplier,
        reset_after_ms,
        jitter,
        attempts,
    } = strategy
    else {
        return Decision::GiveUp(None);
    };
    if *failures > 0 && now - *resumed_at >= Duration::from_millis(reset_after_ms) {
        *failures = 0;
    }
    if *failures >= attempts && attempts < u32::MAX {
        return Decision::GiveUp(Some(format!("the job has failed {attempts} times in a row before")));
    }
    let (initial, max) = (initial_ms as f64, max_ms as f64);
    let growth = multiplier.powi(i32::try_from(*failures).unwrap_or(i32::MAX));
    // Not `clamp`, which panics if the bounds are the wrong way round.
    let plain = (initial * growth).max(initial).min(max);
    let delay_ms = (plain + plain * jitter * random).max(initial).min(max);
    let delay = Duration::from_millis(delay_ms as u64);
    *failures = failures.saturating_add(1);
    *resumed_at = now + delay;
    Decision::After(delay)
}

/// A number from -1 to 1 that differs from restart to restart and from job to job, so that jobs that failed together do
/// not come back together, and that is always the same for one restart, so that a run can be replayed. SplitMix64 (Steele,
/// Lea & Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
fn random(job_id: JobId, count: u64) -> f64 {
    let mix = |seed: u64| {
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let seed = job_id.as_bytes().iter().fold(count, |seed, byte| mix(seed ^ u64::from(*byte)));
    mix(seed) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

#[cfg(test)]
mod tests;
