use std::{sync::Arc, time::Duration};

use crate::BoxError;

/// The time to wait after the attempt of this number, counted from 1, before the next one.
type Delays = dyn Fn(u32) -> Option<Duration> + Send + Sync;

/// Which errors or results are tried again.
type Predicate<X> = Arc<dyn Fn(&X) -> bool + Send + Sync>;

/// When async I/O tries again, how often and after which time. As Flink's `AsyncRetryStrategy`.
///
/// What fails is tried again, unless [`if_error`](Self::if_error) says of which errors; results are taken as they are,
/// unless [`if_empty`](Self::if_empty) or [`if_result`](Self::if_result) says which are none. At the end of a bounded
/// input, what waits to be tried again is tried once more at once, and its outcome taken as it is.
///
/// ```
/// # use std::{io, time::Duration};
/// # use flott_runtime::operators::RetryStrategy;
/// let strategy: RetryStrategy<String> =
///     RetryStrategy::exponential_backoff(5, Duration::from_millis(100), Duration::from_secs(10), 2.0)
///         .if_error(|error| error.is::<io::Error>())
///         .if_empty();
/// ```
pub struct RetryStrategy<U> {
    delays: Arc<Delays>,
    if_error: Predicate<BoxError>,
    if_result: Option<Predicate<[U]>>,
    problem: Option<&'static str>,
}

impl<U> Clone for RetryStrategy<U> {
    fn clone(&self) -> Self {
        Self {
            delays: self.delays.clone(),
            if_error: self.if_error.clone(),
            if_result: self.if_result.clone(),
            problem: self.problem,
        }
    }
}

impl<U: 'static> RetryStrategy<U> {
    /// Up to `retries` further attempts after the first one, each `delay` after the failure of the one before. Neither
    /// may be zero.
    pub fn fixed_delay(retries: u32, delay: Duration) -> Self {
        let problem = if retries == 0 {
            Some(
                "RetryStrategy::fixed_delay needs at least one retry: to try only once, leave out the strategy",
            )
        } else if delay.is_zero() {
            Some("RetryStrategy::fixed_delay needs a delay greater than 0")
        } else {
            None
        };
        Self { problem, ..Self::custom(move |attempt| (attempt <= retries).then_some(delay)) }
    }

    /// Up to `retries` further attempts after the first one: the first of them `initial_delay` after the failure, each
    /// further one after a `multiplier` times longer delay, but none longer than `max_delay`. None may be zero.
    pub fn exponential_backoff(
        retries: u32,
        initial_delay: Duration,
        max_delay: Duration,
        multiplier: f64,
    ) -> Self {
        let problem = if retries == 0 {
            Some(
                "RetryStrategy::exponential_backoff needs at least one retry: to try only once, leave out the \
                  strategy",
            )
        } else if initial_delay.is_zero() || max_delay.is_zero() {
            Some("RetryStrategy::exponential_backoff needs delays greater than 0")
        } else if !(multiplier.is_finite() && multiplier > 0.0) {
            Some("RetryStrategy::exponential_backoff needs a finite multiplier greater than 0")
        } else {
            None
        };
        let delays = move |attempt: u32| {
            (attempt <= retries).then(|| backoff(attempt, initial_delay, max_delay, multiplier))
        };
        Self { problem, ..Self::custom(delays) }
    }

    /// As often and after such times as `delays` says: given the number of the attempt that has failed, from 1, how
    /// long after that to try again, or `None` to give up.
    pub fn custom(delays: impl Fn(u32) -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self { delays: Arc::new(delays), if_error: Arc::new(|_| true), if_result: None, problem: None }
    }

    /// Tries again only after errors of which `predicate` says so; others fail the job at once.
    #[must_use]
    pub fn if_error(self, predicate: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        Self { if_error: Arc::new(predicate), ..self }
    }

    /// Tries again after results of which `predicate` says so, too. Those of the last attempt are taken as they are.
    #[must_use]
    pub fn if_result(self, predicate: impl Fn(&[U]) -> bool + Send + Sync + 'static) -> Self {
        Self { if_result: Some(Arc::new(predicate)), ..self }
    }

    /// Tries again if there is no result, too. If there is none at the last attempt, none is emitted.
    #[must_use]
    pub fn if_empty(self) -> Self {
        self.if_result(<[U]>::is_empty)
    }

    /// How long to wait before another attempt after `attempt` has ended so.
    pub(super) fn delay(&self, attempt: u32, outcome: &Result<Vec<U>, BoxError>) -> Option<Duration> {
        let retry = match outcome {
            Ok(results) => self.if_result.as_ref().is_some_and(|predicate| predicate(results)),
            Err(error) => (self.if_error)(error),
        };
        if retry { (self.delays)(attempt) } else { None }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
    }
}

/// Rounded down to milliseconds at each step.
fn backoff(attempt: u32, initial: Duration, max: Duration, multiplier: f64) -> Duration {
    let mut delay = initial.as_millis() as u64;
    let max = max.as_millis() as u64;
    for _ in 1..attempt {
        let next = ((delay as f64 * multiplier) as u64).min(max);
        if next == delay {
            break;
        }
        delay = next;
    }
    Duration::from_millis(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(strategy: &RetryStrategy<u32>) -> Vec<u128> {
        let failed = || Err("no".into());
        (1..).map_while(|attempt| strategy.delay(attempt, &failed())).map(|delay| delay.as_millis()).collect()
    }

    #[test]
    fn delays_stay_or_grow_up_to_the_limit() {
        assert_eq!(millis(&RetryStrategy::fixed_delay(3, Duration::from_millis(50))), [50, 50, 50]);
        let [initial, max] = [100, 600].map(Duration::from_millis);
        let strategy = RetryStrategy::exponential_backoff(7, initial, max, 1.5);
        assert_eq!(millis(&strategy), [100, 150, 225, 337, 505, 600, 600]);
        assert_eq!(millis(&RetryStrategy::exponential_backoff(2, initial, max, 1.0)), [100, 100]);
        assert!(millis(&RetryStrategy::custom(|_| None)).is_empty());
    }

    #[test]
    fn predicates_choose_what_is_tried_again() {
        let delay = Duration::from_millis(1);
        let plain = RetryStrategy::<u32>::fixed_delay(1, delay);
        assert_eq!(plain.delay(1, &Ok(vec![])), None);
        let chosen = plain.if_error(|error| error.to_string() == "busy").if_empty();
        assert_eq!(chosen.delay(1, &Err("busy".into())), Some(delay));
        assert_eq!(chosen.delay(1, &Err("wrong".into())), None);
        assert_eq!(chosen.delay(1, &Ok(vec![])), Some(delay));
        assert_eq!(chosen.delay(1, &Ok(vec![1])), None);
        let large = chosen.if_result(|results| results.iter().any(|result| *result > 9));
        assert_eq!(large.delay(1, &Ok(vec![1, 10])), Some(delay));
    }

    #[test]
    fn impossible_settings_are_named() {
        let second = Duration::from_secs(1);
        for (strategy, problem) in [
            (RetryStrategy::<u32>::fixed_delay(0, second), "at least one retry"),
            (RetryStrategy::fixed_delay(1, Duration::ZERO), "a delay greater than 0"),
            (RetryStrategy::exponential_backoff(0, second, second, 2.0), "at least one retry"),
            (RetryStrategy::exponential_backoff(1, Duration::ZERO, second, 2.0), "delays greater than 0"),
            (RetryStrategy::exponential_backoff(1, second, second, f64::NAN), "a finite multiplier"),
        ] {
            let message = strategy.check().unwrap_err();
            assert!(message.contains(problem), "{message}");
        }
    }
}
