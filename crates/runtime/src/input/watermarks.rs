//! The watermark of a subtask: the least over its active input channels.

use flott_core::time::Timestamp;

use crate::Mark;

#[derive(Clone, Copy, Debug)]
struct Channel {
    watermark: Timestamp,
    active: bool,
    /// Whether its watermark counts: one that was idle counts again once it has caught up.
    aligned: bool,
}

/// Merges the marks of a subtask's input channels, as Flink's `StatusWatermarkValve` does.
///
/// The merged watermark never goes back: a channel that comes back from idleness with an older watermark does not count
/// until it has caught up.
#[derive(Debug)]
pub struct WatermarkMerger {
    channels: Vec<Channel>,
    merged: Timestamp,
    active: bool,
}

impl WatermarkMerger {
    /// For this many channels, all of them active and without a watermark.
    pub fn new(channels: usize) -> Self {
        let channel = Channel { watermark: Timestamp::MIN, active: true, aligned: true };
        Self { channels: vec![channel; channels], merged: Timestamp::MIN, active: true }
    }

    /// The merged watermark.
    pub fn watermark(&self) -> Timestamp {
        self.merged
    }

    /// Goes on from where the merged watermark was in a checkpoint. No channel was behind that, except idle ones, which are
    /// taken for active again until they say otherwise.
    pub fn restore(&mut self, watermark: Timestamp) {
        for channel in &mut self.channels {
            channel.watermark = channel.watermark.max(watermark);
        }
        self.merged = self.merged.max(watermark);
    }

    /// What a channel's mark means for the whole: up to two marks, in this order.
    pub fn merge(&mut self, channel: usize, mark: Mark) -> [Option<Mark>; 2] {
        match mark {
            Mark::Watermark(watermark) => [self.on_watermark(channel, watermark), None],
            Mark::Idle => self.on_idle(channel),
            Mark::Active => [self.on_active(channel), None],
            Mark::Latency(_) => [Some(mark), None],
        }
    }

    fn on_watermark(&mut self, index: usize, watermark: Timestamp) -> Option<Mark> {
        let merged = self.merged;
        let channel = &mut self.channels[index];
        if !channel.active || watermark <= channel.watermark {
            return None;
        }
        let held_back = channel.aligned && channel.watermark == merged;
        channel.watermark = watermark;
        if !channel.aligned && watermark >= merged {
            channel.aligned = true;
            return self.raise_to_least();
        }
        // Only a channel that held the others back can let the whole go on.
        if held_back { self.raise_to_least() } else { None }
    }

    fn on_idle(&mut self, index: usize) -> [Option<Mark>; 2] {
        let channel = &mut self.channels[index];
        if !channel.active {
            return [None, None];
        }
        channel.active = false;
        channel.aligned = false;
        let watermark = channel.watermark;
        if self.channels.iter().any(|channel| channel.active) {
            let raised = if watermark == self.merged { self.raise_to_least() } else { None };
            return [raised, None];
        }
        // Nobody holds anything back any more: the furthest channel tells how far time has come.
        let raised = if watermark == self.merged {
            let furthest = self.channels.iter().map(|channel| channel.watermark).max();
            furthest.and_then(|furthest| self.raise(furthest))
        } else {
            None
        };
        let was_active = std::mem::replace(&mut self.active, false);
        [raised, was_active.then_some(Mark::Idle)]
    }

    fn on_active(&mut self, index: usize) -> Option<Mark> {
        let merged = self.merged;
        let channel = &mut self.channels[index];
        if channel.active {
            return None;
        }
        channel.active = true;
        channel.aligned = channel.watermark >= merged;
        let was_active = std::mem::replace(&mut self.active, true);
        (!was_active).then_some(Mark::Active)
    }

    fn raise_to_least(&mut self) -> Option<Mark> {
        let aligned = self.channels.iter().filter(|channel| channel.aligned);
        let least = aligned.map(|channel| channel.watermark).min();
        least.and_then(|least| self.raise(least))
    }

    fn raise(&mut self, watermark: Timestamp) -> Option<Mark> {
        (watermark > self.merged).then(|| {
            self.merged = watermark;
            Mark::Watermark(watermark)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Mark {
        Mark::Watermark(Timestamp::from_millis(millis))
    }

    fn merged(channels: usize, marks: &[(usize, Mark)]) -> Vec<Mark> {
        let mut merger = WatermarkMerger::new(channels);
        marks.iter().flat_map(|&(channel, mark)| merger.merge(channel, mark)).flatten().collect()
    }

    #[test]
    fn the_slowest_channel_decides() {
        let marks = merged(2, &[(0, at(10)), (1, at(5)), (0, at(20)), (1, at(12)), (1, at(30))]);
        assert_eq!(marks, [at(5), at(12), at(20)]);
    }

    #[test]
    fn an_idle_channel_holds_nothing_back() {
        assert_eq!(merged(2, &[(0, at(10)), (1, Mark::Idle)]), [at(10)]);
    }

    #[test]
    fn when_all_are_idle_the_furthest_counts() {
        let marks = [(0, at(10)), (1, at(5)), (0, Mark::Idle), (1, Mark::Idle)];
        assert_eq!(merged(2, &marks), [at(5), at(10), Mark::Idle]);
        let back = [(0, at(10)), (1, at(5)), (0, Mark::Idle), (1, Mark::Idle), (1, Mark::Active), (1, at(8))];
        assert_eq!(merged(2, &back), [at(5), at(10), Mark::Idle, Mark::Active]);
    }

    #[test]
    fn who_was_idle_counts_again_once_it_has_caught_up() {
        let marks = [
            (1, Mark::Idle),
            (0, at(10)),
            (1, Mark::Active),
            (1, at(7)),
            (0, at(12)),
            (1, at(12)),
            (0, at(20)),
            (1, at(15)),
        ];
        assert_eq!(merged(2, &marks), [at(10), at(12), at(15)]);
    }

    #[test]
    fn time_goes_on_from_where_it_was() {
        let mut merger = WatermarkMerger::new(2);
        merger.restore(Timestamp::from_millis(10));
        assert_eq!(merger.watermark(), Timestamp::from_millis(10));
        let mut merge =
            |channel, mark| -> Vec<Mark> { merger.merge(channel, mark).into_iter().flatten().collect() };
        assert!(merge(0, at(5)).is_empty(), "it is behind what was there");
        assert!(merge(0, at(20)).is_empty(), "the other channel has not said anything yet");
        assert_eq!(merge(1, at(15)), [at(15)]);
        assert_eq!(merge(1, Mark::Idle), [at(20)]);
    }

    proptest! {
        #[test]
        fn watermarks_rise_and_are_never_beyond_an_aligned_channel(
            marks in prop::collection::vec((0usize..3, prop_oneof![
                5 => (-50i64..50).prop_map(at), 1 => Just(Mark::Idle), 1 => Just(Mark::Active)
            ]), 0..60)
        ) {
            let mut merger = WatermarkMerger::new(3);
            let (mut last, mut idle) = (Timestamp::MIN, false);
            for (channel, mark) in marks {
                for mark in merger.merge(channel, mark).into_iter().flatten() {
                    match mark {
                        Mark::Watermark(watermark) => {
                            prop_assert!(watermark > last && !idle);
                            last = watermark;
                        }
                        Mark::Idle => prop_assert!(!std::mem::replace(&mut idle, true)),
                        Mark::Active => prop_assert!(std::mem::replace(&mut idle, false)),
                        Mark::Latency(_) => unreachable!("none is fed"),
                    }
                }
                let least = merger.channels.iter().filter(|channel| channel.aligned).map(|channel| channel.watermark).min();
                prop_assert!(least.is_none_or(|least| merger.watermark() <= least));
            }
        }
    }
}
