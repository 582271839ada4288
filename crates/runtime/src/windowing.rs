//! Windows: finite parts of an endless stream, for each key (Akidau et al., "The Dataflow Model", VLDB 2015).
//!
//! A [`WindowAssigner`] says which windows a record belongs to, a [`Trigger`] when a window gives its contents, an
//! [`Evictor`] which records leave it then. Semantics and names are Flink's.

mod arrivals;
mod assigner;
mod contents;
mod evictor;
mod function;
mod keys;
mod offset;
mod operator;
mod panes;
#[cfg(test)]
mod testing;
mod trigger;
mod window;

pub use assigner::{
    Aligned, AssignerContext, DynamicGap, EventTimeSessionWindows, GlobalWindows,
    ProcessingTimeSessionWindows, SessionGap, SlidingEventTimeWindows, SlidingProcessingTimeWindows,
    StaticGap, TimeDomain, TumblingEventTimeWindows, TumblingProcessingTimeWindows, WindowAssigner,
};
pub use contents::{Aggregated, Arrived, Best, Contents, Counted, Listed, Reduced};
pub use evictor::{CountEvictor, DeltaEvictor, Evictor, EvictorContext, TimeEvictor, Timestamped};
pub use function::{
    Applied, EmitKeyAndValue, EmitValue, ProcessWindowFunction, Processed, WindowContext, WindowFunction,
    WindowOpenContext,
};
pub use offset::TimeOffset;
pub use operator::{Evicting, Kept, NoEvictor, Store, Storing, WindowOperator, WindowSettings, WithEvictor};
pub use panes::PaneOperator;
pub use trigger::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountTrigger, DeltaTrigger,
    EndOfStreamTrigger, EventTimeTrigger, NeverTrigger, ProcessingTimeTrigger, ProcessingTimeoutTrigger,
    PurgingTrigger, TimeoutState, Trigger, TriggerContext, TriggerResult,
};
pub use window::{GlobalWindow, TimeWindow, Window};
