use std::time::Duration;

use flott_core::time::Timestamp;

use super::{
    super::{
        EventTimeTrigger, ProcessingTimeTrigger, TimeOffset, TimeWindow,
        offset::millis,
        window::{since_period_start, window_around},
    },
    Aligned, AssignerContext, TimeDomain, WindowAssigner, not_positive, offset_too_large,
};
use crate::BoxError;

/// Windows of one size, one after the other: each record belongs to one.
macro_rules! tumbling {
    ($(#[$doc:meta])* $name:ident, $trigger:ident, $domain:ident, $time:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            size: i64,
            offset: i64,
        }

        impl $name {
            /// Windows that last `size`, in whole milliseconds, and begin at multiples of it since 1970-01-01T00:00:00Z.
            pub fn of(size: Duration) -> Self {
                Self { size: millis(size), offset: 0 }
            }

            /// Shifts the windows by less than their size. Days in China, say, begin eight hours before those of UTC:
            /// `TimeOffset::before(Duration::from_secs(8 * 3_600))`.
            #[must_use]
            pub fn offset(self, offset: impl Into<TimeOffset>) -> Self {
                Self { offset: offset.into().as_millis(), ..self }
            }
        }

        impl<T> WindowAssigner<T> for $name {
            type Window = TimeWindow;
            type DefaultTrigger = $trigger;

            fn assign(
                &self,
                _: &T,
                timestamp: Timestamp,
                context: &AssignerContext,
                windows: &mut Vec<TimeWindow>,
            ) -> Result<(), BoxError> {
                let time = $time(timestamp, context);
                windows.push(window_around(time, since_period_start(time, self.offset, self.size), self.size));
                Ok(())
            }

            fn default_trigger(&self) -> $trigger {
                $trigger::create()
            }

            fn time_domain(&self) -> TimeDomain {
                TimeDomain::$domain
            }

            fn aligned(&self) -> Option<Aligned<TimeWindow>> {
                Some(Aligned { size: self.size, slide: self.size, offset: self.offset, window: |window| window })
            }

            fn problem(&self) -> Option<String> {
                let name = stringify!($name);
                not_positive(name, "size", self.size)
                    .or_else(|| offset_too_large(name, "size", self.offset, self.size))
            }
        }
    };
}

tumbling!(
    /// Windows of one size in event time, one after the other.
    TumblingEventTimeWindows,
    EventTimeTrigger,
    EventTime,
    |timestamp, _: &AssignerContext| timestamp
);
tumbling!(
    /// Windows of one size in processing time, one after the other.
    TumblingProcessingTimeWindows,
    ProcessingTimeTrigger,
    ProcessingTime,
    |_, context: &AssignerContext| context.current_processing_time()
);
