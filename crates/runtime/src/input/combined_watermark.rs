//! The watermark of an operator with two inputs: the lesser of theirs.

use flott_core::time::Timestamp;

use crate::Mark;

#[derive(Clone, Copy, Debug)]
struct Input {
    watermark: Timestamp,
    idle: bool,
}

/// Combines the marks of two inputs, each of which are those merged over its channels, as Flink's
/// `IndexedCombinedWatermarkStatus` does.
///
/// It differs from [`WatermarkMerger`](super::WatermarkMerger) in that an input which comes back from idleness with an
/// older watermark counts at once: the combined watermark does not go back, but waits.
#[derive(Debug)]
pub(super) struct CombinedWatermark {
    inputs: [Input; 2],
    combined: Timestamp,
    idle: bool,
}

impl CombinedWatermark {
    pub(super) fn new() -> Self {
        let input = Input { watermark: Timestamp::MIN, idle: false };
        Self { inputs: [input; 2], combined: Timestamp::MIN, idle: false }
    }

    /// The watermark of both together.
    pub(super) fn watermark(&self) -> Timestamp {
        self.combined
    }

    /// Goes on from where the combined watermark was in a checkpoint: neither input was behind it.
    pub(super) fn restore(&mut self, watermark: Timestamp) {
        for input in &mut self.inputs {
            input.watermark = input.watermark.max(watermark);
        }
        self.combined = self.combined.max(watermark);
    }

    /// What the mark of an input means for the operator: up to two marks, in this order.
    pub(super) fn merge(&mut self, input: usize, mark: Mark) -> [Option<Mark>; 2] {
        let input = &mut self.inputs[input];
        match mark {
            Mark::Watermark(watermark) => {
                input.watermark = input.watermark.max(watermark);
                [self.combine(), None]
            }
            Mark::Idle | Mark::Active => {
                input.idle = mark == Mark::Idle;
                let raised = self.combine();
                let idle = self.inputs.iter().all(|input| input.idle);
                let changed = std::mem::replace(&mut self.idle, idle) != idle;
                [raised, changed.then_some(mark)]
            }
            Mark::Latency(_) => [Some(mark), None],
        }
    }

    fn combine(&mut self) -> Option<Mark> {
        let active = self.inputs.iter().filter(|input| !input.idle).map(|input| input.watermark).min();
        // When nobody holds anything back any more, the furthest tells how far time has come.
        let watermark = active.or_else(|| self.inputs.iter().map(|input| input.watermark).max())?;
        (watermark > self.combined).then(|| {
            self.combined = watermark;
            Mark::Watermark(watermark)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Mark {
        Mark::Watermark(Timestamp::from_millis(millis))
    }

    fn combined(marks: &[(usize, Mark)]) -> Vec<Mark> {
        let mut watermark = CombinedWatermark::new();
        marks.iter().flat_map(|&(input, mark)| watermark.merge(input, mark)).flatten().collect()
    }

    #[test]
    fn the_slower_input_decides() {
        assert_eq!(
            combined(&[(0, at(10)), (1, at(5)), (1, at(3)), (1, at(12)), (0, at(30))]),
            [at(5), at(10), at(12)]
        );
    }

    #[test]
    fn when_both_are_idle_the_furthest_counts() {
        let marks =
            [(0, at(10)), (1, at(20)), (0, Mark::Idle), (1, Mark::Idle), (1, Mark::Active), (1, at(25))];
        assert_eq!(combined(&marks), [at(10), at(20), Mark::Idle, Mark::Active, at(25)]);
    }

    #[test]
    fn time_goes_on_from_where_it_was() {
        let mut watermark = CombinedWatermark::new();
        watermark.restore(Timestamp::from_millis(10));
        assert_eq!(watermark.watermark(), Timestamp::from_millis(10));
        assert_eq!(watermark.merge(0, at(5)), [None, None]);
        assert_eq!(watermark.merge(0, at(20)), [None, None]);
        assert_eq!(watermark.merge(1, at(15)), [Some(at(15)), None]);
    }

    #[test]
    fn who_comes_back_behind_the_others_holds_them_back_at_once() {
        let marks = [
            (1, Mark::Idle),
            (0, at(100)),
            (1, Mark::Active),
            (1, at(50)),
            (0, at(110)),
            (1, at(90)),
            (1, at(105)),
        ];
        assert_eq!(combined(&marks), [at(100), at(105)]);
    }
}
