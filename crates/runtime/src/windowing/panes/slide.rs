use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::Contents;

/// The panes of one key within the window that moves over them, aggregated so that a window costs a constant number of
/// merges on average however many panes it has ("two stacks", after Tangwongsan, Hirzel & Schneider, "Low-Latency
/// Sliding-Window Aggregation in Worst-Case Constant Time", DEBS 2017).
///
/// The older panes stand for themselves and all that follow up to a fixed pane, so that the oldest one has it all; the
/// newer panes stand for themselves and are aggregated beside. When the older ones are used up, the newer become the older.
///
/// Lists of records get no smaller by being merged: they stay apart until a window wants them.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Slide<A> {
    /// Pane's start and state, by start.
    panes: VecDeque<(i64, A)>,
    /// How many of the panes, from the oldest on, hold what follows too.
    older: usize,
    /// All of the others.
    newer: Option<A>,
}

impl<A> Default for Slide<A> {
    fn default() -> Self {
        Self { panes: VecDeque::new(), older: 0, newer: None }
    }
}

impl<A: Clone> Slide<A> {
    /// Adds to the pane that begins at `start`, mostly a new one after all others.
    pub(super) fn add<T, C: Contents<T, State = A>>(&mut self, start: i64, state: A, contents: &mut C) {
        // A search among many panes would cost a cache miss a step, and the new one is nearly always the last.
        let at = match self.panes.back() {
            Some((last, _)) if *last >= start => self.panes.partition_point(|(known, _)| *known < start),
            _ => self.panes.len(),
        };
        let known = self.panes.get(at).is_some_and(|(known, _)| *known == start);
        if at < self.older {
            // Late: the older ones hold what follows, so each up to this one gets it.
            if !known {
                let following = self.panes[at].1.clone();
                self.panes.insert(at, (start, following));
                self.older += 1;
            }
            for (_, pane) in self.panes.range_mut(..=at) {
                contents.merge(pane, state.clone());
            }
            return;
        }
        match &mut self.newer {
            _ if !C::IS_INCREMENTAL => {}
            Some(newer) => contents.merge(newer, state.clone()),
            None => self.newer = Some(state.clone()),
        }
        if known {
            contents.merge(&mut self.panes[at].1, state);
        } else {
            self.panes.insert(at, (start, state));
        }
    }

    /// Leaves out the panes that begin before `start`.
    pub(super) fn expire<T, C: Contents<T, State = A>>(&mut self, start: i64, contents: &mut C) {
        let mut expired = 0;
        while self.panes.front().is_some_and(|(pane, _)| *pane < start) {
            self.panes.pop_front();
            expired += 1;
        }
        if expired == 0 {
            return;
        }
        if !C::IS_INCREMENTAL {
            return;
        }
        if let Some(older) = self.older.checked_sub(expired) {
            self.older = older;
            return;
        }
        // Some of the newer ones are gone from what they add up to.
        self.older = self.panes.len();
        self.newer = None;
        for at in (1..self.panes.len()).rev() {
            let following = self.panes[at].1.clone();
            contents.merge(&mut self.panes[at - 1].1, following);
        }
    }

    /// All panes together.
    pub(super) fn total<T, C: Contents<T, State = A>>(&self, contents: &mut C) -> Option<A> {
        if !C::IS_INCREMENTAL {
            let mut panes = self.panes.iter().map(|(_, state)| state);
            let mut total = panes.next()?.clone();
            panes.for_each(|state| contents.merge(&mut total, state.clone()));
            return Some(total);
        }
        let Some((_, oldest)) = self.panes.front().filter(|_| self.older > 0) else {
            return self.newer.clone();
        };
        let mut total = oldest.clone();
        if let Some(newer) = &self.newer {
            contents.merge(&mut total, newer.clone());
        }
        Some(total)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::windowing::{Aggregated, Counted};

    proptest! {
        #[test]
        fn the_total_is_that_of_all_panes(
            steps in prop::collection::vec((0i64..20, prop::bool::weighted(0.2)), 0..200),
        ) {
            let mut slide = Slide::default();
            let mut panes = BTreeMap::<i64, u64>::new();
            let mut start = 0;
            for (number, (ahead, moves)) in (0u64..).zip(steps) {
                if moves {
                    start += ahead / 4;
                    slide.expire::<(), _>(start, &mut Counted);
                    panes.retain(|pane, _| *pane >= start);
                } else {
                    slide.add::<(), _>(start + ahead, number + 1, &mut Counted);
                    *panes.entry(start + ahead).or_default() += number + 1;
                }
                prop_assert_eq!(slide.panes.is_empty(), panes.is_empty());
                let total = panes.values().copied().reduce(|one, other| one + other);
                prop_assert_eq!(slide.total::<(), _>(&mut Counted), total);
            }
        }
    }

    /// Counts its merges.
    #[derive(Clone)]
    struct Merges(std::sync::Arc<std::sync::atomic::AtomicU64>);

    impl flott_state::AggregateFunction<u64> for Merges {
        type Accumulator = u64;
        type Output = u64;

        fn create(&self) -> u64 {
            0
        }

        fn add(&self, sum: &mut u64, value: u64) {
            *sum += value;
        }

        fn result(&self, sum: &u64) -> u64 {
            *sum
        }

        fn merge(&self, sum: &mut u64, other: u64) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            *sum += other;
        }
    }

    #[test]
    fn a_window_costs_the_same_however_many_panes_it_has() {
        for panes in [10, 1_000] {
            let merges = Merges(std::sync::Arc::default());
            let mut contents = Aggregated(merges.clone());
            let mut slide = Slide::default();
            let windows = 10_000;
            for window in 0..windows {
                slide.add::<u64, _>(window, 1, &mut contents);
                slide.expire::<u64, _>(window - panes + 1, &mut contents);
                let expected = (window + 1).min(panes) as u64;
                assert_eq!(slide.total::<u64, _>(&mut contents), Some(expected));
            }
            let merges = merges.0.load(std::sync::atomic::Ordering::Relaxed);
            assert!(merges <= 3 * windows as u64, "{merges} merges for {windows} windows of {panes} panes");
        }
    }
}
