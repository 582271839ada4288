//! The chapters of the guide, whose examples run as doctests.

#[doc = include_str!("../../../docs/from-flink.md")]
struct FromFlink;

#[doc = include_str!("../../../docs/event-time.md")]
struct EventTime;

#[doc = include_str!("../../../docs/state-and-timers.md")]
struct StateAndTimers;

#[doc = include_str!("../../../docs/checkpoints.md")]
struct Checkpoints;
