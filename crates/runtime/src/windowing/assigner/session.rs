use std::{marker::PhantomData, time::Duration};

use flott_core::time::Timestamp;

use super::{
    super::{EventTimeTrigger, ProcessingTimeTrigger, TimeWindow, offset::millis},
    AssignerContext, TimeDomain, WindowAssigner, not_positive,
};
use crate::BoxError;

/// How long nothing comes until a session has ended.
pub trait SessionGap<T>: Clone + Send + Sync + 'static {
    /// The gap after this record, in milliseconds.
    fn millis(&self, record: &T) -> i64;

    /// The gap of all records, if it is one.
    fn fixed(&self) -> Option<i64>;
}

/// The same gap after each record.
#[derive(Clone, Copy, Debug)]
pub struct StaticGap(i64);

impl<T> SessionGap<T> for StaticGap {
    fn millis(&self, _: &T) -> i64 {
        self.0
    }

    fn fixed(&self) -> Option<i64> {
        Some(self.0)
    }
}

/// A gap that depends on the record.
pub struct DynamicGap<T, F> {
    gap: F,
    record: PhantomData<fn(&T)>,
}

impl<T, F: Clone> Clone for DynamicGap<T, F> {
    fn clone(&self) -> Self {
        Self { gap: self.gap.clone(), record: PhantomData }
    }
}

impl<T: 'static, F: Fn(&T) -> Duration + Clone + Send + Sync + 'static> SessionGap<T> for DynamicGap<T, F> {
    fn millis(&self, record: &T) -> i64 {
        millis((self.gap)(record))
    }

    fn fixed(&self) -> Option<i64> {
        None
    }
}

macro_rules! session {
    ($(#[$doc:meta])* $name:ident, $trigger:ident, $domain:ident, $time:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<G = StaticGap> {
            gap: G,
        }

        impl $name<StaticGap> {
            /// Sessions that end when nothing has come for `gap`, in whole milliseconds.
            pub fn with_gap(gap: Duration) -> Self {
                Self { gap: StaticGap(millis(gap)) }
            }

            /// Sessions that end when nothing has come for the time that `gap` gives for the records in it. A gap of less
            /// than a millisecond fails the job.
            pub fn with_dynamic_gap<T, F>(gap: F) -> $name<DynamicGap<T, F>>
            where
                F: Fn(&T) -> Duration + Clone + Send + Sync + 'static,
            {
                $name { gap: DynamicGap { gap, record: PhantomData } }
            }
        }

        impl<T, G: SessionGap<T>> WindowAssigner<T> for $name<G> {
            type Window = TimeWindow;
            type DefaultTrigger = $trigger;

            fn assign(
                &self,
                record: &T,
                timestamp: Timestamp,
                context: &AssignerContext,
                windows: &mut Vec<TimeWindow>,
            ) -> Result<(), BoxError> {
                let time = $time(timestamp, context);
                let gap = self.gap.millis(record);
                if gap <= 0 {
                    return Err(concat!(
                        "the dynamic gap of ",
                        stringify!($name),
                        " must be at least 1 ms for each record: it was 0 ms"
                    )
                    .into());
                }
                let end = Timestamp::from_millis(time.as_millis().saturating_add(gap));
                windows.push(TimeWindow::new(time, end));
                Ok(())
            }

            fn default_trigger(&self) -> $trigger {
                $trigger::create()
            }

            fn time_domain(&self) -> TimeDomain {
                TimeDomain::$domain
            }

            fn is_merging(&self) -> bool {
                true
            }

            fn merged(&self, one: &TimeWindow, other: &TimeWindow) -> Option<TimeWindow> {
                one.intersects(other).then(|| one.cover(other))
            }

            fn problem(&self) -> Option<String> {
                not_positive(stringify!($name), "gap", self.gap.fixed()?)
            }
        }
    };
}

session!(
    /// Windows in event time that hold the records of a key between two pauses. Each record has a window that begins
    /// with it and lasts as long as the gap; windows of a key that overlap or touch become one.
    EventTimeSessionWindows,
    EventTimeTrigger,
    EventTime,
    |timestamp, _: &AssignerContext| timestamp
);
session!(
    /// Windows in processing time that hold the records of a key between two pauses.
    ProcessingTimeSessionWindows,
    ProcessingTimeTrigger,
    ProcessingTime,
    |_, context: &AssignerContext| context.current_processing_time()
);
