use flott_core::FailureCause;
use flott_runtime::{Mark, Record, Timestamp, input::ManualFeed};

use super::{TestHarness, expect};
use crate::{RuntimeMode, SingleOutputStream};

/// An input that a test feeds. All that is fed is processed before the call returns.
pub struct TestInput<T> {
    pub(super) harness: TestHarness,
    pub(super) feed: ManualFeed<T>,
    pub(super) stream: SingleOutputStream<T>,
}

impl<T: Record> TestInput<T> {
    /// The stream of what is fed.
    pub fn stream(&self) -> &SingleOutputStream<T> {
        &self.stream
    }

    /// Feeds a record without a timestamp.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let output = harness.output(numbers.stream());
    /// numbers.push(7);
    /// assert_eq!(output.timestamped(), [(7, None)]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn push(&self, record: T) {
        expect(self.try_push(record, Timestamp::MIN));
    }

    /// Feeds a record that happened at this event time.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let output = harness.output(numbers.stream());
    /// numbers.push_at(7, 1_000);
    /// assert_eq!(output.timestamped(), [(7, Some(Timestamp::from_millis(1_000)))]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn push_at(&self, record: T, timestamp: impl Into<Timestamp>) {
        expect(self.try_push(record, timestamp));
    }

    /// As [`push_at`](Self::push_at).
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// harness.output(&numbers.stream().map(|n| 100 / n).name("Share"));
    /// let failure = numbers.try_push(0, 1_000).unwrap_err();
    /// assert_eq!(failure.operator.as_deref(), Some("Share"));
    /// ```
    ///
    /// # Errors
    /// Why the job would fail.
    pub fn try_push(&self, record: T, timestamp: impl Into<Timestamp>) -> Result<(), FailureCause> {
        self.feed.push(record, timestamp.into());
        self.harness.try_run()
    }

    /// Feeds a watermark: no record with this timestamp or an earlier one comes any more. In batch mode only the one of the
    /// end has an effect.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let counts = numbers.stream().window_all(TumblingEventTimeWindows::of(std::time::Duration::from_secs(1))).count();
    /// let counts = harness.output(&counts);
    /// numbers.push_at(7, 300);
    /// numbers.watermark(999);
    /// assert_eq!(counts.records(), [1]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn watermark(&self, watermark: impl Into<Timestamp>) {
        expect(self.try_watermark(watermark));
    }

    /// As [`watermark`](Self::watermark).
    ///
    /// # Errors
    /// Why the job would fail.
    pub fn try_watermark(&self, watermark: impl Into<Timestamp>) -> Result<(), FailureCause> {
        let watermark = watermark.into();
        // As in a batch job, whose only watermark is the last one.
        let is_batch = self.harness.env.graph.borrow().config.runtime_mode != RuntimeMode::Streaming;
        if watermark == Timestamp::MAX || !is_batch {
            self.feed.mark(Mark::Watermark(watermark));
        }
        self.harness.try_run()
    }

    /// Says whether the input is idle, so that watermarks of others don't wait for it.
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let (busy, quiet) = (harness.input::<u64>(), harness.input::<u64>());
    /// let both = harness.output(&busy.stream().union(quiet.stream()));
    /// busy.watermark(1_000);
    /// assert!(both.elements().is_empty());
    /// quiet.set_idle(true);
    /// assert_eq!(both.elements(), [flott::testing::StreamElement::Watermark(1_000.into())]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn set_idle(&self, idle: bool) {
        self.feed.mark(if idle { Mark::Idle } else { Mark::Active });
        self.harness.run();
    }

    /// Ends the input, with the watermark [`Timestamp::MAX`].
    ///
    /// ```
    /// # use flott::{prelude::*, testing::TestHarness};
    /// let harness = TestHarness::new();
    /// let numbers = harness.input::<u64>();
    /// let counts = numbers.stream().window_all(TumblingEventTimeWindows::of(std::time::Duration::from_secs(1))).count();
    /// let counts = harness.output(&counts);
    /// numbers.push_at(7, 300);
    /// numbers.end();
    /// assert_eq!(counts.records(), [1]);
    /// ```
    ///
    /// # Panics
    /// If the job would fail.
    #[track_caller]
    pub fn end(&self) {
        expect(self.try_end());
    }

    /// As [`end`](Self::end).
    ///
    /// # Errors
    /// Why the job would fail.
    pub fn try_end(&self) -> Result<(), FailureCause> {
        self.feed.end();
        self.harness.try_run()
    }
}
