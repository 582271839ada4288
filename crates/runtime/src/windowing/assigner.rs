//! Which windows a record belongs to.

mod global;
mod session;
mod sliding;
mod tumbling;

use flott_core::time::Timestamp;
pub use global::GlobalWindows;
pub use session::{DynamicGap, EventTimeSessionWindows, ProcessingTimeSessionWindows, SessionGap, StaticGap};
pub use sliding::{SlidingEventTimeWindows, SlidingProcessingTimeWindows};
pub use tumbling::{TumblingEventTimeWindows, TumblingProcessingTimeWindows};

use super::{TimeWindow, Trigger, Window};
use crate::BoxError;
pub use crate::functions::TimeDomain;

/// Knows which windows a record belongs to.
///
/// Authors can write their own:
///
/// ```
/// use flott_runtime::{
///     BoxError,
///     windowing::{AssignerContext, EventTimeTrigger, TimeDomain, TimeWindow, WindowAssigner},
/// };
/// use flott_core::time::Timestamp;
///
/// /// Even and odd numbers have windows of different sizes.
/// #[derive(Clone)]
/// struct ByParity;
///
/// impl WindowAssigner<u64> for ByParity {
///     type Window = TimeWindow;
///     type DefaultTrigger = EventTimeTrigger;
///
///     fn assign(
///         &self,
///         record: &u64,
///         timestamp: Timestamp,
///         _: &AssignerContext,
///         windows: &mut Vec<TimeWindow>,
///     ) -> Result<(), BoxError> {
///         let size = if record % 2 == 0 { 1_000 } else { 5_000 };
///         let start = timestamp.as_millis().div_euclid(size) * size;
///         windows.push(TimeWindow::new(start.into(), (start + size).into()));
///         Ok(())
///     }
///
///     fn default_trigger(&self) -> EventTimeTrigger {
///         EventTimeTrigger::create()
///     }
///
///     fn time_domain(&self) -> TimeDomain {
///         TimeDomain::EventTime
///     }
/// }
/// ```
pub trait WindowAssigner<T>: Clone + Send + Sync + 'static {
    /// What it assigns.
    type Window: Window;
    /// The trigger of windows for which none is set.
    type DefaultTrigger: Trigger<T, Self::Window>;

    /// Adds the windows of a record to `windows`, which is empty. In event time each record has a timestamp.
    ///
    /// # Errors
    /// If the record can't be assigned; this fails the job.
    fn assign(
        &self,
        record: &T,
        timestamp: Timestamp,
        context: &AssignerContext,
        windows: &mut Vec<Self::Window>,
    ) -> Result<(), BoxError>;

    /// The trigger of windows for which none is set.
    fn default_trigger(&self) -> Self::DefaultTrigger;

    /// Which clock closes the windows: in event time windows that are past the watermark and the allowed lateness take no
    /// more records.
    fn time_domain(&self) -> TimeDomain;

    /// Whether windows of one key can become one, as sessions do.
    fn is_merging(&self) -> bool {
        false
    }

    /// The window that two windows of a key become, `None` if they stay apart.
    fn merged(&self, _: &Self::Window, _: &Self::Window) -> Option<Self::Window> {
        None
    }

    /// The grid on which the windows lie, if they are the same for all keys. Windows on a grid whose trigger is the
    /// default one are aggregated in panes that they share.
    fn aligned(&self) -> Option<Aligned<Self::Window>> {
        None
    }

    /// What is wrong with the settings, and how to put it right; told when the dataflow is run.
    fn problem(&self) -> Option<String> {
        None
    }

    /// The name of operators with these windows.
    fn name(&self) -> &'static str {
        short_type_name::<Self>()
    }
}

/// What an assigner is told beside the record.
#[derive(Clone, Copy, Debug)]
pub struct AssignerContext {
    processing_time: Timestamp,
}

impl AssignerContext {
    /// At this processing time.
    pub const fn new(processing_time: Timestamp) -> Self {
        Self { processing_time }
    }

    /// The time of the machine's clock.
    pub const fn current_processing_time(&self) -> Timestamp {
        self.processing_time
    }
}

/// Windows that begin at `offset + n * slide` for all n and last `size`, in milliseconds.
#[derive(Debug)]
pub struct Aligned<W> {
    /// How long each window is; positive.
    pub size: i64,
    /// How far apart they begin; positive.
    pub slide: i64,
    /// By how much they are shifted.
    pub offset: i64,
    /// Makes the window of these times.
    pub window: fn(TimeWindow) -> W,
}

impl<W> Clone for Aligned<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Aligned<W> {}

/// The name of a type without its path and its parameters.
fn short_type_name<T: ?Sized>() -> &'static str {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

/// What is wrong with a length of time that must be positive.
fn not_positive(assigner: &str, what: &str, millis: i64) -> Option<String> {
    (millis <= 0).then(|| format!("the {what} of {assigner} must be at least 1 ms: it is 0 ms"))
}

/// What is wrong with an offset.
fn offset_too_large(assigner: &str, what: &str, offset: i64, limit: i64) -> Option<String> {
    (offset.unsigned_abs() >= limit.unsigned_abs()).then(|| {
        format!(
            "the offset of {assigner} must be less than the {what} of {limit} ms in either direction: it is {offset} ms; \
             take the remainder of its division by the {what}, which gives the same windows"
        )
    })
}

#[cfg(test)]
mod tests;
