//! Calls that are made again until they are answered.

use std::{future::Future, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// By how much a back-off may be longer or shorter than planned, so that many callers do not come back all at once.
const JITTER: std::ops::Range<f64> = 0.9..1.1;

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long one call may take.
    pub call_timeout: Duration,
    /// How long to wait after the first failure; doubled after each further one.
    pub initial_backoff: Duration,
    /// Longest wait between two calls.
    pub max_backoff: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(10),
            initial_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(5),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The caller does not want it any more.
    #[error("the call was canceled")]
    Canceled,
    /// The peer answered with an error that trying again would not change.
    #[error("the call was answered with an error: {0}")]
    Answered(#[source] Box<Status>),
}

/// Makes `call` until it succeeds, fails in a way that trying again would not change, or is canceled. Gives up no
/// sooner: a caller that has a deadline cancels.
///
/// # Errors
///
/// If the call was canceled, or answered with an error that is not [retriable](is_retriable).
pub async fn call_with_retry<T, F, C>(
    policy: RetryPolicy,
    canceled: &CancellationToken,
    mut call: F,
) -> Result<T, CallError>
where
    F: FnMut() -> C,
    C: Future<Output = Result<T, Status>>,
{
    let mut backoff = policy.initial_backoff;
    let mut failures: u32 = 0;
    let attempts = async {
        loop {
            let status = match timeout(policy.call_timeout, call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) if !is_retriable(&status) => {
                    return Err(CallError::Answered(Box::new(status)));
                }
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            failures += 1;
            tracing::debug!(failures, error = %status, "call failed, trying again");
            sleep(backoff.mul_f64(rand::random_range(JITTER))).await;
            backoff = (backoff * 2).min(policy.max_backoff);
        }
    };
    canceled.run_until_cancelled(attempts).await.unwrap_or(Err(CallError::Canceled))
}

/// Whether the same call may have another outcome later. A broken connection is `Unavailable`, `Unknown` or
/// `Cancelled`, depending on when it broke.
pub fn is_retriable(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Unknown
            | Code::Cancelled
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_made_again_until_one_succeeds() {
        let calls = Cell::new(0);
        let never = CancellationToken::new();
        let answer = call_with_retry(RetryPolicy::default(), &never, || {
            calls.set(calls.get() + 1);
            let number = calls.get();
            async move { if number < 5 { Err(Status::unavailable("not yet")) } else { Ok(number) } }
        });
        assert_eq!(answer.await.unwrap(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_is_given_up_and_made_again() {
        let calls = Cell::new(0);
        let never = CancellationToken::new();
        let answer = call_with_retry(RetryPolicy::default(), &never, || {
            calls.set(calls.get() + 1);
            let hangs = calls.get() == 1;
            async move { if hangs { std::future::pending().await } else { Ok(()) } }
        });
        answer.await.unwrap();
        assert_eq!(calls.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_stays_is_handed_on() {
        let answer: Result<(), _> =
            call_with_retry(RetryPolicy::default(), &CancellationToken::new(), || async {
                Err(Status::not_found("no such job"))
            })
            .await;
        assert!(matches!(answer, Err(CallError::Answered(status)) if status.code() == Code::NotFound));
    }

    #[tokio::test(start_paused = true)]
    async fn canceling_ends_the_waiting() {
        let canceled = CancellationToken::new();
        let answer = call_with_retry(RetryPolicy::default(), &canceled, || {
            canceled.cancel();
            async { Err::<(), _>(Status::unavailable("never")) }
        });
        assert!(matches!(answer.await, Err(CallError::Canceled)));
    }
}
