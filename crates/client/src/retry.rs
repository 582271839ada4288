//! When to try a call again.

use std::time::Duration;

/// Whether the same call might succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// It would fail again.
    Never,
    /// After a while.
    WithBackoff,
}

/// How often and how fast a call is tried again that failed for a reason that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts altogether, at least 1.
    pub max_attempts: u32,
    /// Pause after the first attempt; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest pause.
    pub max_delay: Duration,
}

impl RetryPolicy {
    /// Gives up after a third of a second: for a person who waits at a terminal.
    pub const SHORT: Self =
        Self { max_attempts: 3, first_delay: Duration::from_millis(100), max_delay: Duration::from_secs(3) };

    /// A single attempt.
    pub const NONE: Self = Self { max_attempts: 1, ..Self::SHORT };

    /// The pause after attempt number `attempt` (from 1), or `None` if it was the last.
    pub fn delay_after(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        Some(self.first_delay.saturating_mul(1 << doublings).min(self.max_delay))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::SHORT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let policy = RetryPolicy { max_attempts: 8, ..RetryPolicy::SHORT };
        let delays: Vec<_> =
            (1..=8).map(|attempt| policy.delay_after(attempt).map(|d| d.as_millis())).collect();
        let expected = [100, 200, 400, 800, 1600, 3000, 3000].map(Some);
        assert_eq!(delays[..7], expected);
        assert_eq!(delays[7], None);
    }

    #[test]
    fn single_attempt_is_not_repeated() {
        assert_eq!(RetryPolicy::NONE.delay_after(1), None);
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let policy = RetryPolicy { max_attempts: u32::MAX, ..RetryPolicy::SHORT };
        assert_eq!(policy.delay_after(u32::MAX - 1), Some(policy.max_delay));
    }
}
