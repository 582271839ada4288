use flott_runtime::{Timestamp, operators::Collected};

use super::StreamElement;

/// What a stream has brought.
pub struct TestOutput<T> {
    pub(super) collected: Collected<T>,
}

impl<T> TestOutput<T> {
    /// Takes all that has come since the last time: records, watermarks, idleness.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let output = harness.output(numbers.stream());
    /// numbers.push_at(7, 300);
    /// numbers.watermark(500);
    /// use flott::testing::StreamElement::{Record, Watermark};
    /// assert_eq!(output.elements(), [Record(7, Some(300.into())), Watermark(500.into())]);
    /// ```
    pub fn elements(&self) -> Vec<StreamElement<T>> {
        self.collected.take()
    }

    /// Takes the records that have come since the last time, with their timestamps.
    pub fn timestamped(&self) -> Vec<(T, Option<Timestamp>)> {
        let elements = self.elements().into_iter();
        elements
            .filter_map(|element| match element {
                StreamElement::Record(record, timestamp) => Some((record, timestamp)),
                StreamElement::Watermark(_) | StreamElement::Idle(_) => None,
            })
            .collect()
    }

    /// Takes the records that have come since the last time.
    pub fn records(&self) -> Vec<T> {
        self.timestamped().into_iter().map(|(record, _)| record).collect()
    }
}
