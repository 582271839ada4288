//! Keeps sources in step that read at different speeds.
//!
//! Whoever joins or merges a fast and a slow source keeps what the fast one is ahead. Sources of one *alignment group*
//! therefore wait for each other: a subtask whose watermark is ahead of the slowest of its group by more than its drift
//! reads nothing until the others have caught up. As in Flink, idle and ended subtasks hold nobody up, and neither do
//! those that have no watermark yet.
//!
//! A subtask's part in its group is a [`WatermarkAlignment`], which three have in common: the operator that makes the
//! watermarks reports them, the source's input asks whether it may read, and the task host tells the JobMaster where the
//! subtask is and learns where the group is, once in each update interval.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! use flott_runtime::{TaskCounters, Timestamp, alignment::WatermarkAlignment};
//!
//! # let counters = TaskCounters::default();
//! # let wake = Arc::new(tokio::sync::Notify::new());
//! # let (drift, interval) = (Duration::from_secs(20), Duration::from_secs(1));
//! // The operator that makes the watermarks, when it is opened:
//! let alignment = WatermarkAlignment::join(&counters, wake, "clicks and views", drift, interval);
//! // ... and for each watermark that it emits:
//! alignment.report(Timestamp::from_millis(1_000));
//!
//! // The input of the source in the same subtask, once its chain has been built:
//! let alignments = WatermarkAlignment::of_subtask(&counters);
//! // ... and before each read; if it may not, it is idle until the subtask is woken:
//! let paused = alignments.iter().any(WatermarkAlignment::is_paused);
//! assert!(!paused, "nothing is known of the others");
//! ```

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use flott_core::time::Timestamp;
use tokio::sync::Notify;

use crate::TaskCounters;

/// A subtask's part in its alignment group. Clones are the same part.
#[derive(Clone, Debug)]
pub struct WatermarkAlignment(Arc<Cell>);

#[derive(Debug)]
struct Cell {
    group: Arc<str>,
    max_drift: Duration,
    update_interval: Duration,
    /// The last watermark that was reported.
    own: AtomicI64,
    idle: AtomicBool,
    /// The watermark beyond which the subtask may not read.
    limit: AtomicI64,
    /// The slowest watermark of the group, `Timestamp::MIN` if there is nobody to wait for.
    slowest: AtomicI64,
    wake: Arc<Notify>,
}

impl WatermarkAlignment {
    /// Makes the subtask that has these counters a member of `group`, which may be `max_drift` ahead of the others, and
    /// tells where it is every `update_interval`. `wake` is the subtask's signal, given when it may read again.
    pub fn join(
        counters: &TaskCounters,
        wake: Arc<Notify>,
        group: &str,
        max_drift: Duration,
        update_interval: Duration,
    ) -> Self {
        let alignment = Self(Arc::new(Cell {
            group: group.into(),
            max_drift,
            update_interval,
            own: AtomicI64::new(Timestamp::MIN.as_millis()),
            idle: AtomicBool::new(false),
            limit: AtomicI64::new(Timestamp::MAX.as_millis()),
            slowest: AtomicI64::new(Timestamp::MIN.as_millis()),
            wake,
        }));
        counters.alignments.0.lock().unwrap_or_else(PoisonError::into_inner).push(alignment.clone());
        alignment
    }

    /// Those that the subtask with these counters has joined; mostly none.
    pub fn of_subtask(counters: &TaskCounters) -> Vec<Self> {
        counters.alignments.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the subtask's watermark. One that was idle is so no more.
    pub fn report(&self, watermark: Timestamp) {
        self.0.own.store(watermark.as_millis(), Relaxed);
        self.0.idle.store(false, Relaxed);
    }

    /// Notes whether the subtask is idle, so that others do not wait for it.
    pub fn set_idle(&self, idle: bool) {
        self.0.idle.store(idle, Relaxed);
    }

    /// Whether the subtask is too far ahead to read. Its signal is given when that is over.
    pub fn is_paused(&self) -> bool {
        self.0.own.load(Relaxed) > self.0.limit.load(Relaxed)
    }

    /// The group.
    pub(crate) fn group(&self) -> &Arc<str> {
        &self.0.group
    }

    /// How often the others are to hear of it.
    pub(crate) fn update_interval(&self) -> Duration {
        self.0.update_interval
    }

    /// The watermark for which others may have to wait.
    pub(crate) fn counting_watermark(&self) -> Option<Timestamp> {
        let own = Timestamp::from_millis(self.0.own.load(Relaxed));
        (!own.is_none() && !self.0.idle.load(Relaxed)).then_some(own)
    }

    /// How far the subtask is ahead of the slowest of its group, in milliseconds; `None` while nothing is known of that.
    pub(crate) fn drift_ms(&self) -> Option<i64> {
        let [own, slowest] =
            [&self.0.own, &self.0.slowest].map(|time| Timestamp::from_millis(time.load(Relaxed)));
        let are_known = !own.is_none() && !slowest.is_none() && own != Timestamp::MAX;
        are_known.then(|| own.as_millis().saturating_sub(slowest.as_millis()))
    }

    /// Learns how far the slowest of the group is, if there is any to wait for.
    pub(crate) fn set_group_watermark(&self, watermark: Option<Timestamp>) {
        let limit = watermark.map_or(Timestamp::MAX, |watermark| watermark + self.0.max_drift).as_millis();
        self.0.slowest.store(watermark.unwrap_or(Timestamp::MIN).as_millis(), Relaxed);
        let before = self.0.limit.swap(limit, Relaxed);
        if limit > before {
            self.0.wake.notify_one();
        }
    }
}

/// The alignments of one subtask.
#[derive(Debug, Default)]
pub(crate) struct Alignments(Mutex<Vec<WatermarkAlignment>>);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn alignment() -> (WatermarkAlignment, Arc<Notify>) {
        let wake = Arc::<Notify>::default();
        let second = Duration::from_secs(1);
        let alignment = WatermarkAlignment::join(&TaskCounters::default(), wake.clone(), "g", second, second);
        (alignment, wake)
    }

    /// Whether the signal was given.
    fn is_woken(wake: &Notify) -> bool {
        let mut woken = std::pin::pin!(wake.notified());
        woken.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn a_subtask_pauses_while_it_is_ahead_by_more_than_its_drift() {
        let (alignment, wake) = alignment();
        alignment.report(millis(5_000));
        assert!(!alignment.is_paused(), "nothing is known of the others");
        alignment.set_group_watermark(Some(millis(3_000)));
        assert!(alignment.is_paused());
        assert!(!is_woken(&wake));
        alignment.set_group_watermark(Some(millis(4_000)));
        assert!(!alignment.is_paused(), "it is ahead by its drift, not by more");
        assert!(is_woken(&wake));
        alignment.report(millis(5_001));
        assert!(alignment.is_paused());
    }

    #[test]
    fn the_drift_is_known_while_others_are() {
        let (alignment, _) = alignment();
        alignment.report(millis(5_000));
        assert_eq!(alignment.drift_ms(), None);
        alignment.set_group_watermark(Some(millis(3_500)));
        assert_eq!(alignment.drift_ms(), Some(1_500));
        alignment.report(millis(5_100));
        assert_eq!(alignment.drift_ms(), Some(1_600));
        alignment.set_group_watermark(None);
        assert_eq!(alignment.drift_ms(), None);
    }

    #[test]
    fn nobody_is_waited_for_if_nobody_counts() {
        let (alignment, wake) = alignment();
        alignment.report(millis(5_000));
        alignment.set_group_watermark(Some(Timestamp::MIN));
        assert!(alignment.is_paused());
        alignment.set_group_watermark(None);
        assert!(!alignment.is_paused());
        assert!(is_woken(&wake));
        alignment.report(Timestamp::MAX);
        assert!(!alignment.is_paused(), "its end is not beyond anything");
    }

    #[test]
    fn the_idle_and_those_without_a_watermark_do_not_count() {
        let (alignment, _) = alignment();
        assert_eq!(alignment.counting_watermark(), None);
        alignment.report(millis(-3));
        assert_eq!(alignment.counting_watermark(), Some(millis(-3)));
        alignment.set_idle(true);
        assert_eq!(alignment.counting_watermark(), None);
        alignment.set_idle(false);
        assert_eq!(alignment.counting_watermark(), Some(millis(-3)));
        alignment.set_idle(true);
        alignment.report(millis(2));
        assert_eq!(alignment.counting_watermark(), Some(millis(2)));
    }
}
