use std::time::Duration;

use flott_core::time::Timestamp;

use super::RetryStrategy;

/// How many requests may be under way at once if nothing else is said.
const DEFAULT_CAPACITY: usize = 100;

/// For how long, how many at once and how often the requests of async I/O are made. `U` is what they result in.
///
/// ```
/// # use std::time::Duration;
/// # use flott_runtime::operators::{AsyncOptions, RetryStrategy};
/// let options: AsyncOptions<String> = AsyncOptions::new(Duration::from_secs(5))
///     .capacity(1_000)
///     .retry(RetryStrategy::fixed_delay(3, Duration::from_millis(200)));
/// assert!(options.check().is_ok());
/// ```
pub struct AsyncOptions<U> {
    pub(super) timeout: Duration,
    pub(super) capacity: usize,
    pub(super) retry: Option<RetryStrategy<U>>,
}

impl<U> Clone for AsyncOptions<U> {
    fn clone(&self) -> Self {
        Self { timeout: self.timeout, capacity: self.capacity, retry: self.retry.clone() }
    }
}

impl<U: 'static> AsyncOptions<U> {
    /// A request, with all its retries, takes `timeout` at most; zero is for ever. At most 100 are under way in each
    /// subtask, and nothing is tried again.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, capacity: DEFAULT_CAPACITY, retry: None }
    }

    /// Lets each subtask work on this many records and marks at once, at least 1. Beyond them the subtask takes no
    /// further input. Results that wait for those of records before them count.
    #[must_use]
    pub fn capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    /// Tries again what has failed. That needs a timeout.
    #[must_use]
    pub fn retry(self, strategy: RetryStrategy<U>) -> Self {
        Self { retry: Some(strategy), ..self }
    }

    /// When a request that begins now times out, if ever.
    pub(super) fn timeout_at(&self, now: Timestamp) -> Option<Timestamp> {
        // The clock's unit is the millisecond.
        (!self.timeout.is_zero()).then(|| now + self.timeout.max(Duration::from_millis(1)))
    }

    /// Whether there can be such requests.
    ///
    /// # Errors
    /// What is wrong and how to mend it.
    pub fn check(&self) -> Result<(), String> {
        if self.capacity == 0 {
            return Err(
                "async I/O with a capacity of 0 would never begin a request: set it to 1 or more with \
                        AsyncOptions::capacity, or leave it at 100"
                    .to_owned(),
            );
        }
        let Some(retry) = &self.retry else { return Ok(()) };
        if self.timeout.is_zero() {
            return Err(
                "async I/O that retries needs a timeout greater than 0 in AsyncOptions::new".to_owned()
            );
        }
        retry.check()
    }
}
