//! Processing time as a subtask sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use flott_core::time::Timestamp;

/// The clock of one subtask, and the next time at which one of its operators wants to be called. Cheap to clone.
///
/// Tests set it by hand.
#[derive(Clone, Debug)]
pub struct ProcessingClock {
    /// The time of a clock that is set by hand.
    manual: Option<Arc<AtomicI64>>,
    due: Arc<AtomicI64>,
}

/// Nobody wants to be called.
const NEVER: i64 = i64::MAX;

impl Default for ProcessingClock {
    fn default() -> Self {
        Self { manual: None, due: Arc::new(AtomicI64::new(NEVER)) }
    }
}

impl ProcessingClock {
    /// A clock that stands still until it is [set](Self::set).
    pub fn manual(now: Timestamp) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(now.as_millis()))), ..Self::default() }
    }

    /// Sets a manual clock; without effect on others.
    pub fn set(&self, now: Timestamp) {
        if let Some(time) = &self.manual {
            time.store(now.as_millis(), Relaxed);
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.manual {
            Some(time) => Timestamp::from_millis(time.load(Relaxed)),
            None => SystemTime::now().into(),
        }
    }

    /// The time now in microseconds since 1970, which a millisecond is too long for to tell how old something is.
    pub(crate) fn now_micros(&self) -> i64 {
        let micros = |since: Duration| i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        match &self.manual {
            Some(time) => time.load(Relaxed).saturating_mul(1_000),
            None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, micros),
        }
    }

    /// Asks for a call of [`Output::on_processing_time`](crate::Output::on_processing_time) at this time or soon after. The
    /// call goes to all operators of the chain, once for all that were asked for until then: each checks by itself what
    /// is due and asks again for what is not.
    #[inline]
    pub fn wake_at(&self, time: Timestamp) {
        self.due.fetch_min(time.as_millis(), Relaxed);
    }

    /// The next time that was asked for.
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.load(Relaxed);
        (due != NEVER).then(|| Timestamp::from_millis(due))
    }

    /// The time now if one that was asked for has come, which is forgotten then.
    ///
    /// By the machine's clock that is when its millisecond is over, as in Flink: otherwise a window would end while records
    /// still come that belong to its last millisecond. A manual clock has reached a time as soon as it is set to it.
    pub fn take_due(&self) -> Option<Timestamp> {
        let due = self.next_due()?;
        let now = self.now();
        (now >= due + self.rest_of_millisecond()).then(|| {
            self.due.store(NEVER, Relaxed);
            now
        })
    }

    fn rest_of_millisecond(&self) -> Duration {
        if self.manual.is_some() { Duration::ZERO } else { Duration::from_millis(1) }
    }

    /// Forgets what was asked for. Returns whether anything was.
    pub fn take_any(&self) -> bool {
        self.due.swap(NEVER, Relaxed) != NEVER
    }

    /// How long it is until the next time that was asked for has come.
    pub fn until_due(&self) -> Option<Duration> {
        Some((self.next_due()? + self.rest_of_millisecond()).since(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_time_is_due_first() {
        let clock = ProcessingClock::manual(Timestamp::from_millis(0));
        assert_eq!(clock.take_due(), None);
        clock.wake_at(Timestamp::from_millis(20));
        clock.wake_at(Timestamp::from_millis(10));
        assert_eq!(clock.until_due(), Some(Duration::from_millis(10)));
        assert_eq!(clock.take_due(), None);
        clock.set(Timestamp::from_millis(15));
        assert_eq!(clock.take_due(), Some(Timestamp::from_millis(15)));
        assert_eq!(clock.take_due(), None, "who still waits asks again");
    }

    #[test]
    fn by_the_machine_a_time_has_come_when_its_millisecond_is_over() {
        let clock = ProcessingClock::default();
        let before = clock.now();
        clock.wake_at(before);
        let now = loop {
            if let Some(now) = clock.take_due() {
                break now;
            }
            assert!(clock.until_due().is_some_and(|left| left <= Duration::from_millis(1)));
        };
        assert!(now > before);
    }
}
