use std::time::Duration;

use flott_runtime::Timestamp;

use super::error::Error;

/// When a part is complete: whichever of these comes first. The default is Flink's: 128 MiB, 60 s old, or 60 s without
/// a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingPolicy {
    size: Option<u64>,
    age: Option<Duration>,
    inactivity: Option<Duration>,
}

impl Default for RollingPolicy {
    fn default() -> Self {
        let minute = Some(Duration::from_secs(60));
        Self { size: Some(128 << 20), age: minute, inactivity: minute }
    }
}

impl RollingPolicy {
    /// Complete at the end of the input only.
    pub fn never() -> Self {
        Self { size: None, age: None, inactivity: None }
    }

    /// Complete when it has more than this many bytes and another record comes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Complete when it was begun this long ago, in processing time.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Complete when it got no record for this long, in processing time.
    #[must_use]
    pub fn max_inactivity(mut self, inactivity: Duration) -> Self {
        self.inactivity = Some(inactivity);
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let zero = |duration: Option<Duration>| duration.is_some_and(|duration| duration.as_millis() == 0);
        let what = if self.size == Some(0) {
            "of 0 bytes"
        } else if zero(self.age) {
            "at an age of 0 ms"
        } else if zero(self.inactivity) {
            "after 0 ms without a record"
        } else {
            return Ok(());
        };
        Err(Error::Rolling { what })
    }

    /// Whether a part of this size takes no further record.
    #[inline]
    pub(super) fn is_full(&self, bytes: u64) -> bool {
        self.size.is_some_and(|size| bytes > size)
    }

    /// When a part is to be completed if no further record comes.
    pub(super) fn due(&self, created: Timestamp, updated: Timestamp) -> Option<Timestamp> {
        let by_age = self.age.map(|age| created + age);
        let by_inactivity = self.inactivity.map(|inactivity| updated + inactivity);
        by_age.into_iter().chain(by_inactivity).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn whichever_comes_first_counts() {
        let policy = RollingPolicy::never();
        assert_eq!(policy.due(at(0), at(5)), None);
        assert!(!policy.is_full(u64::MAX));
        let policy = policy
            .max_bytes(10)
            .max_age(Duration::from_millis(100))
            .max_inactivity(Duration::from_millis(20));
        assert!(!policy.is_full(10) && policy.is_full(11));
        assert_eq!(policy.due(at(0), at(5)), Some(at(25)));
        assert_eq!(policy.due(at(0), at(95)), Some(at(100)));
    }

    #[test]
    fn nothing_at_all_is_refused() {
        let error = |policy: RollingPolicy| policy.check().unwrap_err().to_string();
        assert!(error(RollingPolicy::never().max_bytes(0)).contains("of 0 bytes"));
        assert!(error(RollingPolicy::never().max_age(Duration::from_nanos(1))).contains("an age of 0 ms"));
        assert!(error(RollingPolicy::default().max_inactivity(Duration::ZERO)).contains("without a record"));
        assert!(RollingPolicy::default().check().is_ok());
    }
}
