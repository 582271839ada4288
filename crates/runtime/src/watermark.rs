//! How records get their timestamps, and streams their watermarks.
//!
//! A [`WatermarkStrategy`] says when a record happened and how long to wait for others that happened before it (Akidau
//! et al., "The Dataflow Model", VLDB 2015). The names are those of Flink's class.
//!
//! ```
//! use std::time::Duration;
//!
//! use flott_runtime::watermark::WatermarkStrategy;
//!
//! struct Click {
//!     time_ms: i64,
//! }
//!
//! let _strategy = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_secs(5))
//!     .with_timestamp_assigner(|click: &Click, _| click.time_ms)
//!     .with_idleness(Duration::from_secs(60));
//! ```

mod generators;
mod lags;
mod operator;

use std::time::Duration;

use flott_core::time::Timestamp;

pub use self::{
    generators::{BoundedOutOfOrderness, NoWatermarks},
    operator::TimestampsAndWatermarks,
};

/// Says how far event time has come.
pub trait WatermarkGenerator<T>: Send {
    /// Whether [`on_event`](Self::on_event) emits watermarks. If not, batches need not be taken apart.
    const PUNCTUATED: bool = true;

    /// Whether it never emits anything.
    const SILENT: bool = false;

    /// Learns of each record and its timestamp. May emit a watermark, which comes right behind the record.
    fn on_event(&mut self, record: &T, timestamp: Timestamp, output: &mut WatermarkOutput);

    /// May emit a watermark; called once in each `pipeline.auto-watermark-interval`.
    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput);
}

/// What a [`WatermarkGenerator`] emits into.
#[derive(Debug, Default)]
pub struct WatermarkOutput {
    watermark: Option<Timestamp>,
    idle: Option<bool>,
}

impl WatermarkOutput {
    /// Says that no record with this timestamp or an earlier one is expected any more. A watermark that is not greater
    /// than the last one is ignored.
    pub fn emit_watermark(&mut self, watermark: Timestamp) {
        self.watermark = self.watermark.max(Some(watermark));
        self.idle = Some(false);
    }

    /// Says that who waits for watermarks shall not wait for those of this stream, until the next watermark or
    /// [`mark_active`](Self::mark_active).
    pub fn mark_idle(&mut self) {
        self.idle = Some(true);
    }

    /// Takes back [`mark_idle`](Self::mark_idle).
    pub fn mark_active(&mut self) {
        self.idle = Some(false);
    }
}

/// Computes the timestamp of a record.
pub trait TimestampAssigner<T>: Send {
    /// Whether it leaves all timestamps as they are.
    const KEEPS: bool = false;

    /// The record's timestamp, given the one that it has, which is [`Timestamp::MIN`] if it has none.
    fn timestamp(&mut self, record: &T, timestamp: Timestamp) -> Timestamp;
}

/// Leaves each record the timestamp that its source gave it.
#[derive(Clone, Copy, Debug)]
pub struct KeepTimestamps;

impl<T> TimestampAssigner<T> for KeepTimestamps {
    const KEEPS: bool = true;

    #[inline]
    fn timestamp(&mut self, _: &T, timestamp: Timestamp) -> Timestamp {
        timestamp
    }
}

/// Takes the timestamp that a function computes.
#[derive(Clone, Copy, Debug)]
pub struct Assigned<F>(F);

impl<T, R: Into<Timestamp>, F: FnMut(&T, Timestamp) -> R + Send> TimestampAssigner<T> for Assigned<F> {
    #[inline]
    fn timestamp(&mut self, record: &T, timestamp: Timestamp) -> Timestamp {
        (self.0)(record, timestamp).into()
    }
}

/// Which sources wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// Sources of the same group wait for each other.
    pub group: String,
    /// How far the watermark of one may be ahead of the least one.
    pub max_drift: Duration,
    /// How often they tell each other where they are.
    pub update_interval: Duration,
}

/// Where timestamps and watermarks come from.
#[derive(Clone, Debug)]
pub struct WatermarkStrategy<G, A = KeepTimestamps> {
    pub(crate) generator: G,
    pub(crate) assigner: A,
    idleness: Option<Duration>,
    alignment: Option<Alignment>,
}

impl<G> WatermarkStrategy<G> {
    /// Watermarks as this generator says. Each subtask works on a clone of it.
    pub fn for_generator(generator: G) -> Self {
        Self { generator, assigner: KeepTimestamps, idleness: None, alignment: None }
    }
}

impl WatermarkStrategy<BoundedOutOfOrderness> {
    /// For timestamps that never go back.
    pub fn for_monotonous_timestamps() -> Self {
        Self::for_bounded_out_of_orderness(Duration::ZERO)
    }

    /// For records that come at most this long after others that happened later.
    pub fn for_bounded_out_of_orderness(bound: Duration) -> Self {
        Self::for_generator(BoundedOutOfOrderness::new(bound))
    }
}

impl WatermarkStrategy<NoWatermarks> {
    /// No watermarks but the last one, at the end of a bounded input.
    pub fn no_watermarks() -> Self {
        Self::for_generator(NoWatermarks)
    }
}

impl<G, A> WatermarkStrategy<G, A> {
    /// Takes timestamps from the records: milliseconds since 1970, as a number or a [`Timestamp`]. The function gets the
    /// timestamp that the record has so far, too.
    pub fn with_timestamp_assigner<T, R, F>(self, function: F) -> WatermarkStrategy<G, Assigned<F>>
    where
        R: Into<Timestamp>,
        F: FnMut(&T, Timestamp) -> R + Clone + Send + Sync + 'static,
    {
        WatermarkStrategy {
            generator: self.generator,
            assigner: Assigned(function),
            idleness: self.idleness,
            alignment: self.alignment,
        }
    }

    /// Counts the stream as idle when it had no record for so long, so that it holds back no others.
    #[must_use]
    pub fn with_idleness(self, timeout: Duration) -> Self {
        Self { idleness: Some(timeout), ..self }
    }

    /// Lets sources of the same `group` wait for each other: one whose watermark is more than `max_drift` ahead of the
    /// least one stops reading. Told once a second.
    #[must_use]
    pub fn with_watermark_alignment(self, group: impl Into<String>, max_drift: Duration) -> Self {
        self.with_watermark_alignment_every(group, max_drift, Duration::from_secs(1))
    }

    /// As [`with_watermark_alignment`](Self::with_watermark_alignment), told as often as `update_interval` says.
    #[must_use]
    pub fn with_watermark_alignment_every(
        self,
        group: impl Into<String>,
        max_drift: Duration,
        update_interval: Duration,
    ) -> Self {
        Self { alignment: Some(Alignment { group: group.into(), max_drift, update_interval }), ..self }
    }

    /// What is wrong with the settings, and how to put it right.
    pub fn problem(&self) -> Option<&'static str> {
        if self.idleness.is_some_and(|timeout| timeout.is_zero()) {
            return Some(
                "the timeout of with_idleness must be greater than zero, or every stream would be idle",
            );
        }
        let alignment = self.alignment.as_ref()?;
        alignment
            .update_interval
            .is_zero()
            .then_some("the update interval of a watermark alignment must be greater than zero")
    }

    /// After how long without a record the stream counts as idle.
    pub fn idleness(&self) -> Option<Duration> {
        self.idleness
    }

    /// Which sources wait for each other.
    pub fn alignment(&self) -> Option<&Alignment> {
        self.alignment.as_ref()
    }
}
