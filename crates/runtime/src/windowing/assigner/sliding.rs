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

/// How many windows a record may belong to at most, as in Flink.
const MOST_WINDOWS_OF_A_RECORD: i64 = 10_000_000;

macro_rules! sliding {
    ($(#[$doc:meta])* $name:ident, $trigger:ident, $domain:ident, $time:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            size: i64,
            slide: i64,
            offset: i64,
        }

        impl $name {
            /// Windows that last `size` and begin at multiples of `slide` since 1970-01-01T00:00:00Z, in whole
            /// milliseconds. With a slide larger than the size there are gaps: a record in one belongs to no window.
            pub fn of(size: Duration, slide: Duration) -> Self {
                Self { size: millis(size), slide: millis(slide), offset: 0 }
            }

            /// Shifts the windows by less than their slide.
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
                let mut since_start = Some(since_period_start(time, self.offset, self.slide));
                while let Some(since) = since_start.filter(|since| *since < self.size) {
                    windows.push(window_around(time, since, self.size));
                    since_start = since.checked_add(self.slide);
                }
                Ok(())
            }

            fn default_trigger(&self) -> $trigger {
                $trigger::create()
            }

            fn time_domain(&self) -> TimeDomain {
                TimeDomain::$domain
            }

            fn aligned(&self) -> Option<Aligned<TimeWindow>> {
                let Self { size, slide, offset } = *self;
                Some(Aligned { size, slide, offset, window: |window| window })
            }

            fn problem(&self) -> Option<String> {
                let name = stringify!($name);
                not_positive(name, "size", self.size)
                    .or_else(|| not_positive(name, "slide", self.slide))
                    .or_else(|| offset_too_large(name, "slide", self.offset, self.slide))
                    .or_else(|| {
                        (self.size / self.slide > MOST_WINDOWS_OF_A_RECORD).then(|| {
                            format!(
                                "with {name} of {} ms every {} ms a record would belong to more than \
                                 {MOST_WINDOWS_OF_A_RECORD} windows: take a larger slide",
                                self.size, self.slide
                            )
                        })
                    })
            }
        }
    };
}

sliding!(
    /// Windows of one size in event time that begin every slide, so that they overlap if the slide is smaller.
    SlidingEventTimeWindows,
    EventTimeTrigger,
    EventTime,
    |timestamp, _: &AssignerContext| timestamp
);
sliding!(
    /// Windows of one size in processing time that begin every slide, so that they overlap if the slide is smaller.
    SlidingProcessingTimeWindows,
    ProcessingTimeTrigger,
    ProcessingTime,
    |_, context: &AssignerContext| context.current_processing_time()
);
