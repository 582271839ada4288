//! Windows: finite parts of an endless stream, over which one can aggregate.
//!
//! Records of a key belong to the windows that a [`WindowAssigner`] gives them. A window gives a result when its [`Trigger`]
//! fires, by default at its end. In event time that is when the watermark has passed it.
//!
//! ```
//! use std::time::Duration;
//! use flott::{prelude::*, testing::TestHarness};
//!
//! let harness = TestHarness::new();
//! let clicks = harness.input::<String>();
//! let counts = clicks
//!     .stream()
//!     .key_by(|page| page.clone())
//!     .window(TumblingEventTimeWindows::of(Duration::from_secs(60)))
//!     .count();
//! let counts = harness.output(&counts);
//!
//! clicks.push_at("home".to_owned(), 1_000);
//! clicks.push_at("home".to_owned(), 59_000);
//! clicks.push_at("home".to_owned(), 61_000);
//! assert!(counts.records().is_empty());
//! clicks.watermark(60_000);
//! assert_eq!(counts.records(), [("home".to_owned(), 2)]);
//! ```
//!
//! # What is aggregated how
//!
//! | | the result | emits |
//! | --- | --- | --- |
//! | [`reduce`](WindowedStream::reduce), `sum`, `min`, `max`, `min_by`, `max_by` | a record of the same type | the record |
//! | [`aggregate`](WindowedStream::aggregate), [`count`](WindowedStream::count) | a value | key and value |
//! | [`apply`](WindowedStream::apply), [`process`](WindowedStream::process) | all records, given to a function | what it likes |
//! | `reduce_with`, `reduce_process`, `aggregate_with`, `aggregate_process` | a record or value, given to a function | what it likes |
//!
//! All but `apply` and `process` keep one value for a key and window, not its records. What is emitted has the greatest
//! timestamp of its window.
//!
//! Sliding windows without trigger and evictor share their parts, so that a record costs the same however many windows it
//! belongs to. Their values are put together from parts in the order of time, not in that in which records came; so with
//! records out of order the last digits of sums of floating-point numbers can differ from those of Flink, and
//! [`AggregateFunction::merge`](crate::AggregateFunction::merge) is called.
//!
//! # Late records
//!
//! A record that comes when the watermark has passed the end of its window, and the allowed lateness, is dropped and counted
//! in the metric `numLateRecordsDropped`, or goes to the side output for late records. One that comes within the allowed
//! lateness is added and makes the window fire again, at once.
//!
//! # The end of the input
//!
//! In event time all windows fire at the end of a bounded input. In processing time what has not fired by then is dropped in
//! streaming mode, as in Flink, and given in batch mode. In batch mode no record is late and each window fires once.

mod all_windowed_stream;
mod build;
mod methods;
#[cfg(test)]
mod tests;
mod windowed_stream;

pub use flott_runtime::windowing::{
    Aligned, AssignerContext, ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountEvictor,
    CountTrigger, DeltaEvictor, DeltaTrigger, DynamicGap, EndOfStreamTrigger, EventTimeSessionWindows,
    EventTimeTrigger, Evictor, EvictorContext, GlobalWindow, GlobalWindows, NeverTrigger, NoEvictor,
    ProcessWindowFunction, ProcessingTimeSessionWindows, ProcessingTimeTrigger, ProcessingTimeoutTrigger,
    PurgingTrigger, SessionGap, SlidingEventTimeWindows, SlidingProcessingTimeWindows, StaticGap, TimeDomain,
    TimeEvictor, TimeOffset, TimeWindow, TimeoutState, Timestamped, Trigger, TriggerContext, TriggerResult,
    TumblingEventTimeWindows, TumblingProcessingTimeWindows, Window, WindowAssigner, WindowContext,
    WindowOpenContext, WithEvictor,
};

pub use all_windowed_stream::AllWindowedStream;
pub use windowed_stream::WindowedStream;
