//! Window assigners that are chosen when the test runs. They do nothing themselves.

use std::time::Duration;

use flott::{BoxError, Timestamp, windowing::*};
use serde_json::Value;

use super::{
    job::{millis, number, text},
    scenario::Event,
    triggers::AnyTrigger,
};

type Gap = DynamicGap<Event, fn(&Event) -> Duration>;

/// Those of time.
#[derive(Clone)]
pub(crate) enum TimeWindows {
    Tumbling(TumblingEventTimeWindows),
    TumblingProcessing(TumblingProcessingTimeWindows),
    Sliding(SlidingEventTimeWindows),
    SlidingProcessing(SlidingProcessingTimeWindows),
    Session(EventTimeSessionWindows),
    SessionProcessing(ProcessingTimeSessionWindows),
    Dynamic(EventTimeSessionWindows<Gap>),
    DynamicProcessing(ProcessingTimeSessionWindows<Gap>),
}

fn gap_from_value(event: &Event) -> Duration {
    Duration::from_millis(u64::try_from(event.value).unwrap())
}

impl TimeWindows {
    /// `None` if they are windows without time.
    pub(crate) fn of(windows: &Value) -> Option<Self> {
        let offset = TimeOffset::from_millis(number(windows, "offset").unwrap_or_default());
        let (size, slide, gap) =
            (|| millis(windows, "size"), || millis(windows, "slide"), || millis(windows, "gap"));
        let dynamic: fn(&Event) -> Duration = gap_from_value;
        Some(match (text(windows, "type"), text(windows, "time") == "processing") {
            ("tumbling", false) => Self::Tumbling(TumblingEventTimeWindows::of(size()).offset(offset)),
            ("tumbling", true) => {
                Self::TumblingProcessing(TumblingProcessingTimeWindows::of(size()).offset(offset))
            }
            ("sliding", false) => Self::Sliding(SlidingEventTimeWindows::of(size(), slide()).offset(offset)),
            ("sliding", true) => {
                Self::SlidingProcessing(SlidingProcessingTimeWindows::of(size(), slide()).offset(offset))
            }
            ("session", false) => Self::Session(EventTimeSessionWindows::with_gap(gap())),
            ("session", true) => Self::SessionProcessing(ProcessingTimeSessionWindows::with_gap(gap())),
            ("session_by_value", false) => Self::Dynamic(EventTimeSessionWindows::with_dynamic_gap(dynamic)),
            ("session_by_value", true) => {
                Self::DynamicProcessing(ProcessingTimeSessionWindows::with_dynamic_gap(dynamic))
            }
            _ => return None,
        })
    }
}

/// Calls the same method of whichever it is.
macro_rules! each {
    ($of:expr, $windows:ident => $call:expr) => {
        match $of {
            TimeWindows::Tumbling($windows) => $call,
            TimeWindows::TumblingProcessing($windows) => $call,
            TimeWindows::Sliding($windows) => $call,
            TimeWindows::SlidingProcessing($windows) => $call,
            TimeWindows::Session($windows) => $call,
            TimeWindows::SessionProcessing($windows) => $call,
            TimeWindows::Dynamic($windows) => $call,
            TimeWindows::DynamicProcessing($windows) => $call,
        }
    };
}

impl WindowAssigner<Event> for TimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = AnyTrigger;

    fn assign(
        &self,
        event: &Event,
        timestamp: Timestamp,
        context: &AssignerContext,
        windows: &mut Vec<TimeWindow>,
    ) -> Result<(), BoxError> {
        each!(self, assigner => assigner.assign(event, timestamp, context, windows))
    }

    fn default_trigger(&self) -> AnyTrigger {
        match WindowAssigner::<Event>::time_domain(self) {
            TimeDomain::EventTime => AnyTrigger::event_time(),
            TimeDomain::ProcessingTime => AnyTrigger::processing_time(),
        }
    }

    fn time_domain(&self) -> TimeDomain {
        each!(self, assigner => WindowAssigner::<Event>::time_domain(assigner))
    }

    fn is_merging(&self) -> bool {
        each!(self, assigner => WindowAssigner::<Event>::is_merging(assigner))
    }

    fn merged(&self, one: &TimeWindow, other: &TimeWindow) -> Option<TimeWindow> {
        each!(self, assigner => WindowAssigner::<Event>::merged(assigner, one, other))
    }

    fn aligned(&self) -> Option<Aligned<TimeWindow>> {
        each!(self, assigner => WindowAssigner::<Event>::aligned(assigner))
    }

    fn problem(&self) -> Option<String> {
        each!(self, assigner => WindowAssigner::<Event>::problem(assigner))
    }
}
