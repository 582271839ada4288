//! Triggers that are chosen when the test runs. They do nothing themselves.

use flott::{Timestamp, windowing::*};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    job::{count, flag, millis, number, text},
    scenario::Event,
};

type Delta = DeltaTrigger<fn(&Event, &Event) -> f64>;

/// A trigger that is not made of others.
#[derive(Clone)]
pub(crate) enum Simple {
    EventTime(EventTimeTrigger),
    ProcessingTime(ProcessingTimeTrigger),
    Count(CountTrigger),
    Continuous(ContinuousEventTimeTrigger),
    ContinuousProcessing(ContinuousProcessingTimeTrigger),
    Delta(Delta),
}

/// What each of them would remember.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct SimpleState {
    event_time: State<EventTimeTrigger>,
    processing_time: State<ProcessingTimeTrigger>,
    count: State<CountTrigger>,
    continuous: State<ContinuousEventTimeTrigger>,
    continuous_processing: State<ContinuousProcessingTimeTrigger>,
    delta: State<Delta>,
}

type State<G> = <G as Trigger<Event, TimeWindow>>::State;

fn growth(old: &Event, new: &Event) -> f64 {
    (new.value - old.value) as f64
}

/// Calls the same method of whichever it is, with its part of the context.
macro_rules! each {
    ($of:expr, $context:ident, |$trigger:ident, $part:ident| $call:expr) => {
        match $of {
            Simple::EventTime($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.event_time);
                $call
            }
            Simple::ProcessingTime($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.processing_time);
                $call
            }
            Simple::Count($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.count);
                $call
            }
            Simple::Continuous($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.continuous);
                $call
            }
            Simple::ContinuousProcessing($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.continuous_processing);
                $call
            }
            Simple::Delta($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.delta);
                $call
            }
        }
    };
}

/// The parts of several states that belong to one trigger.
macro_rules! parts {
    ($states:expr, $field:ident) => {
        $states.iter_mut().map(|state| std::mem::take(&mut state.$field)).collect::<Vec<_>>()
    };
}

impl<W: Window> Trigger<Event, W> for Simple {
    type State = SimpleState;

    fn on_element(
        &mut self,
        event: &Event,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, SimpleState>,
    ) -> TriggerResult {
        each!(self, context, |trigger, part| trigger.on_element(event, timestamp, window, part))
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, SimpleState>,
    ) -> TriggerResult {
        each!(self, context, |trigger, part| Trigger::<Event, W>::on_event_time(trigger, time, window, part))
    }

    fn on_processing_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, SimpleState>,
    ) -> TriggerResult {
        each!(self, context, |trigger, part| Trigger::<Event, W>::on_processing_time(
            trigger, time, window, part
        ))
    }

    fn can_merge(&self) -> bool {
        match self {
            Self::EventTime(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::ProcessingTime(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::Count(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::Continuous(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::ContinuousProcessing(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::Delta(trigger) => Trigger::<Event, W>::can_merge(trigger),
        }
    }

    fn on_merge(
        &mut self,
        window: &W,
        merged: &mut [SimpleState],
        context: &mut TriggerContext<'_, SimpleState>,
    ) {
        match self {
            Self::EventTime(trigger) => {
                let part = &mut context.nested(|state| &mut state.event_time);
                Trigger::<Event, W>::on_merge(trigger, window, &mut parts!(merged, event_time), part);
            }
            Self::ProcessingTime(trigger) => {
                let part = &mut context.nested(|state| &mut state.processing_time);
                Trigger::<Event, W>::on_merge(trigger, window, &mut parts!(merged, processing_time), part);
            }
            Self::Count(trigger) => {
                let part = &mut context.nested(|state| &mut state.count);
                Trigger::<Event, W>::on_merge(trigger, window, &mut parts!(merged, count), part);
            }
            Self::Continuous(trigger) => {
                let mut states = parts!(merged, continuous);
                let part = &mut context.nested(|state| &mut state.continuous);
                Trigger::<Event, W>::on_merge(trigger, window, &mut states, part);
                // They are cleared next, and may have something to delete.
                for (state, part) in merged.iter_mut().zip(states) {
                    state.continuous = part;
                }
            }
            Self::ContinuousProcessing(trigger) => {
                let mut states = parts!(merged, continuous_processing);
                let part = &mut context.nested(|state| &mut state.continuous_processing);
                Trigger::<Event, W>::on_merge(trigger, window, &mut states, part);
                for (state, part) in merged.iter_mut().zip(states) {
                    state.continuous_processing = part;
                }
            }
            Self::Delta(_) => {}
        }
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_, SimpleState>) {
        each!(self, context, |trigger, part| Trigger::<Event, W>::clear(trigger, window, part));
    }

    fn is_initial(&self, state: &SimpleState) -> bool {
        match self {
            Self::EventTime(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.event_time),
            Self::ProcessingTime(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.processing_time),
            Self::Count(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.count),
            Self::Continuous(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.continuous),
            Self::ContinuousProcessing(trigger) => {
                Trigger::<Event, W>::is_initial(trigger, &state.continuous_processing)
            }
            Self::Delta(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.delta),
        }
    }
}

/// A trigger, perhaps within others.
#[derive(Clone)]
pub(crate) enum AnyTrigger {
    Simple(Simple),
    Purging(PurgingTrigger<Simple>),
    Timeout(ProcessingTimeoutTrigger<Simple>),
    PurgingTimeout(ProcessingTimeoutTrigger<PurgingTrigger<Simple>>),
}

impl AnyTrigger {
    pub(crate) fn event_time() -> Self {
        Self::Simple(Simple::EventTime(EventTimeTrigger::create()))
    }

    pub(crate) fn processing_time() -> Self {
        Self::Simple(Simple::ProcessingTime(ProcessingTimeTrigger::create()))
    }

    /// As the job says.
    pub(crate) fn of(trigger: &Value) -> Self {
        let inner = &trigger["of"];
        match text(trigger, "type") {
            "purging" => Self::Purging(PurgingTrigger::of(simple(inner))),
            "timeout" if text(inner, "type") == "purging" => {
                let purging = PurgingTrigger::of(simple(&inner["of"]));
                Self::PurgingTimeout(with_timeout(purging, trigger))
            }
            "timeout" => Self::Timeout(with_timeout(simple(inner), trigger)),
            _ => Self::Simple(simple(trigger)),
        }
    }
}

fn with_timeout<G>(inner: G, trigger: &Value) -> ProcessingTimeoutTrigger<G> {
    let mut timeout = ProcessingTimeoutTrigger::of(inner, millis(trigger, "timeout"));
    if flag(trigger, "reset_on_new_record") {
        timeout = timeout.reset_with_each_record();
    }
    if flag(trigger, "clear_on_timeout") { timeout } else { timeout.keep_state_on_timeout() }
}

fn simple(trigger: &Value) -> Simple {
    match text(trigger, "type") {
        "event_time" => Simple::EventTime(EventTimeTrigger::create()),
        "processing_time" => Simple::ProcessingTime(ProcessingTimeTrigger::create()),
        "count" => Simple::Count(CountTrigger::of(count(trigger, "count"))),
        "continuous_event_time" => {
            Simple::Continuous(ContinuousEventTimeTrigger::of(millis(trigger, "interval")))
        }
        "continuous_processing_time" => {
            Simple::ContinuousProcessing(ContinuousProcessingTimeTrigger::of(millis(trigger, "interval")))
        }
        "delta" => Simple::Delta(DeltaTrigger::of(
            number(trigger, "threshold").unwrap() as f64,
            growth as fn(&_, &_) -> _,
        )),
        _ => panic!("no such trigger: {trigger}"),
    }
}

/// What each form would remember; a purging one remembers what is within it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct AnyState {
    simple: SimpleState,
    timeout: TimeoutState<SimpleState>,
}

macro_rules! forms {
    ($of:expr, $context:ident, |$trigger:ident, $part:ident| $call:expr) => {
        match $of {
            AnyTrigger::Simple($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.simple);
                $call
            }
            AnyTrigger::Purging($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.simple);
                $call
            }
            AnyTrigger::Timeout($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.timeout);
                $call
            }
            AnyTrigger::PurgingTimeout($trigger) => {
                let $part = &mut $context.nested(|state| &mut state.timeout);
                $call
            }
        }
    };
}

impl<W: Window> Trigger<Event, W> for AnyTrigger {
    type State = AnyState;

    fn on_element(
        &mut self,
        event: &Event,
        timestamp: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, AnyState>,
    ) -> TriggerResult {
        forms!(self, context, |trigger, part| trigger.on_element(event, timestamp, window, part))
    }

    fn on_event_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, AnyState>,
    ) -> TriggerResult {
        forms!(self, context, |trigger, part| Trigger::<Event, W>::on_event_time(trigger, time, window, part))
    }

    fn on_processing_time(
        &mut self,
        time: Timestamp,
        window: &W,
        context: &mut TriggerContext<'_, AnyState>,
    ) -> TriggerResult {
        forms!(self, context, |trigger, part| Trigger::<Event, W>::on_processing_time(
            trigger, time, window, part
        ))
    }

    fn can_merge(&self) -> bool {
        match self {
            Self::Simple(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::Purging(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::Timeout(trigger) => Trigger::<Event, W>::can_merge(trigger),
            Self::PurgingTimeout(trigger) => Trigger::<Event, W>::can_merge(trigger),
        }
    }

    fn on_merge(&mut self, window: &W, merged: &mut [AnyState], context: &mut TriggerContext<'_, AnyState>) {
        let mut states = parts!(merged, simple);
        let part = &mut context.nested(|state| &mut state.simple);
        match self {
            Self::Simple(trigger) => Trigger::<Event, W>::on_merge(trigger, window, &mut states, part),
            Self::Purging(trigger) => Trigger::<Event, W>::on_merge(trigger, window, &mut states, part),
            Self::Timeout(_) | Self::PurgingTimeout(_) => {}
        }
        for (state, part) in merged.iter_mut().zip(states) {
            state.simple = part;
        }
    }

    fn clear(&mut self, window: &W, context: &mut TriggerContext<'_, AnyState>) {
        forms!(self, context, |trigger, part| Trigger::<Event, W>::clear(trigger, window, part));
    }

    fn is_initial(&self, state: &AnyState) -> bool {
        match self {
            Self::Simple(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.simple),
            Self::Purging(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.simple),
            Self::Timeout(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.timeout),
            Self::PurgingTimeout(trigger) => Trigger::<Event, W>::is_initial(trigger, &state.timeout),
        }
    }
}
