use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::counters::now;

/// Over which time the rate is taken.
const WINDOW: Duration = Duration::from_secs(60);
/// How far apart samples are at least; so there are at most as many as the window has seconds, and one more.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Shows how often something happens: events a second, over the last minute or the time since it was registered. Clones
/// count the same.
#[derive(Clone, Debug)]
pub struct Meter(Arc<MeterCell>);

#[derive(Debug)]
struct MeterCell {
    count: AtomicU64,
    /// When there had been how many events, oldest first; never empty. Only readers touch it.
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(now())
    }
}

impl Meter {
    fn new(now: Instant) -> Self {
        Self(Arc::new(MeterCell { count: AtomicU64::new(0), samples: Mutex::new([(now, 0)].into()) }))
    }

    /// Notes that it has happened.
    #[inline]
    pub fn mark(&self) {
        self.mark_many(1);
    }

    /// Notes that it has happened `n` times.
    #[inline]
    pub fn mark_many(&self, n: u64) {
        self.0.count.fetch_add(n, Relaxed);
    }

    /// How often it has happened so far.
    pub fn count(&self) -> u64 {
        self.0.count.load(Relaxed)
    }

    /// Events a second.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let count = self.count();
        let mut samples = self.0.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let age =
            |sample: Option<&(Instant, u64)>| sample.map(|(time, _)| now.saturating_duration_since(*time));
        // The window begins with the latest sample that is as old as that.
        while age(samples.get(1)).is_some_and(|age| age >= WINDOW) {
            samples.pop_front();
        }
        if age(samples.back()).is_none_or(|age| age >= SAMPLE_INTERVAL) {
            samples.push_back((now, count));
        }
        let Some((since, before)) = samples.front() else { return 0.0 };
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        if seconds > 0.0 { count.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let meter = Meter::new(start);
        assert_eq!(meter.rate(start), 0.0, "no time has passed");
        meter.mark_many(100);
        assert_eq!(meter.rate(at(10)), 10.0, "since the start");
        meter.mark_many(200);
        assert_eq!(meter.rate(at(30)), 10.0);
        assert_eq!(meter.rate(at(70)), 200.0 / 60.0, "the first ten seconds are over");
        assert_eq!(meter.rate(at(1_000)), 0.0);
        meter.mark();
        assert_eq!(meter.count(), 301);
    }

    #[test]
    fn samples_are_bounded() {
        let start = now();
        let meter = Meter::new(start);
        for tenths in 0..5_000 {
            meter.mark();
            meter.rate(start + Duration::from_millis(100 * tenths));
        }
        assert!(meter.0.samples.lock().unwrap().len() <= 62);
        let rate = meter.rate(start + Duration::from_secs(500));
        assert!((rate - 10.0).abs() < 0.2, "{rate}");
    }
}
