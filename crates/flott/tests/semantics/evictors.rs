//! Evictors that are chosen when the test runs. They do nothing themselves.

use flott::windowing::*;
use serde_json::Value;

use super::{
    job::{count, flag, millis, number, text},
    scenario::Event,
};

#[derive(Clone)]
pub(crate) enum AnyEvictor {
    Count(CountEvictor),
    Time(TimeEvictor),
    Delta(DeltaEvictor<fn(&Event, &Event) -> f64>),
}

fn distance(one: &Event, other: &Event) -> f64 {
    (one.value - other.value).abs() as f64
}

impl AnyEvictor {
    /// As the job says.
    pub(crate) fn of(evictor: &Value) -> Self {
        let after = flag(evictor, "after");
        match text(evictor, "type") {
            "count" => {
                let evictor = CountEvictor::of(count(evictor, "count"));
                Self::Count(if after { evictor.after() } else { evictor })
            }
            "time" => {
                let evictor = TimeEvictor::of(millis(evictor, "window"));
                Self::Time(if after { evictor.after() } else { evictor })
            }
            "delta" => {
                let threshold = number(evictor, "threshold").unwrap() as f64;
                let evictor = DeltaEvictor::of(threshold, distance as fn(&_, &_) -> _);
                Self::Delta(if after { evictor.after() } else { evictor })
            }
            _ => panic!("no such evictor: {evictor}"),
        }
    }
}

impl<W: Window> Evictor<Event, W> for AnyEvictor {
    fn evict_before(&mut self, events: &mut Vec<Timestamped<Event>>, window: &W, context: &EvictorContext) {
        match self {
            Self::Count(evictor) => evictor.evict_before(events, window, context),
            Self::Time(evictor) => evictor.evict_before(events, window, context),
            Self::Delta(evictor) => evictor.evict_before(events, window, context),
        }
    }

    fn evict_after(&mut self, events: &mut Vec<Timestamped<Event>>, window: &W, context: &EvictorContext) {
        match self {
            Self::Count(evictor) => evictor.evict_after(events, window, context),
            Self::Time(evictor) => evictor.evict_after(events, window, context),
            Self::Delta(evictor) => evictor.evict_after(events, window, context),
        }
    }
}
