use std::time::Duration;

use flott::BoxError;

/// The longest that an answer takes.
const SLOWEST_MS: u64 = 100;

/// Stands for a client of a database or a web service, such as one would clone for each request.
#[derive(Clone)]
pub(crate) struct Client;

impl Client {
    pub(crate) fn new() -> Self {
        Self
    }

    /// The key of a number.
    ///
    /// # Errors
    /// None from this one, but any real one has some.
    pub(crate) async fn query(&self, number: u64) -> Result<String, BoxError> {
        tokio::time::sleep(latency(number)).await;
        Ok(format!("key{}", number % 10))
    }

    /// A number for which the answer takes long.
    #[cfg(test)]
    pub(crate) fn slow_number() -> u64 {
        (0..)
            .find(|number| latency(*number) > Duration::from_millis(SLOWEST_MS / 2))
            .expect("half of them are")
    }
}

/// Looks like chance, but is the same in each run.
fn latency(number: u64) -> Duration {
    Duration::from_millis(flott::mix(number) % SLOWEST_MS)
}
