//! What functions see while they process a record or a timer.

use std::ops::{Deref, DerefMut};

use flott_core::time::Timestamp;
use flott_state::{Key, KeyedState, OperatorListContext, OperatorLists, StateContext};

use super::{FunctionCore, KeyedFunctionCore};
use crate::{OutputTag, Record, RuntimeContext, operators::Collector};

/// What a function without a key sees while it processes a record.
pub struct ProcessContext<'a, Out> {
    pub(super) core: &'a mut FunctionCore<Out>,
    pub(super) timestamp: Timestamp,
}

impl<'a, Out> ProcessContext<'a, Out> {
    /// For a record with this timestamp.
    #[inline]
    pub fn new(core: &'a mut FunctionCore<Out>, timestamp: Timestamp) -> Self {
        Self { core, timestamp }
    }

    /// The timestamp of the record, if it has one.
    #[inline]
    pub fn timestamp(&self) -> Option<Timestamp> {
        some(self.timestamp)
    }

    /// The watermark that has come last, [`Timestamp::MIN`] before the first.
    #[inline]
    pub fn current_watermark(&self) -> Timestamp {
        self.core.watermark
    }

    /// The time now.
    pub fn processing_time(&self) -> Timestamp {
        self.core.operator.clock().now()
    }

    /// Emits a record. It has the timestamp of the record that is processed.
    #[inline]
    pub fn emit(&mut self, record: Out) {
        self.core.output.emit(record, self.timestamp);
    }

    /// Emits a record into a side output; it is dropped if nobody reads that. It has the timestamp of the record that is
    /// processed.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
        self.core.output.emit_to(tag, record, self.timestamp);
    }

    /// What the operator knows of itself and of its surroundings.
    #[inline]
    pub fn runtime(&self) -> &RuntimeContext {
        &self.core.operator
    }
}

impl<Out> OperatorListContext for ProcessContext<'_, Out> {
    #[inline]
    fn operator_lists(&self) -> &OperatorLists {
        &self.core.lists
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        &mut self.core.lists
    }
}

/// What functions see of the key, whether a record or a timer is at work. Defined for each context itself, since behind a
/// `Deref` one could not say `ctx.emit(ctx.key().clone())`.
macro_rules! of_the_key {
    ($($context:ident)?) => {
        /// The key of the record or timer.
        #[inline]
        pub fn key(&self) -> &K {
            self$(.$context)?.core.state.key()
        }

        /// The timestamp of the record, if it has one, or the time of the timer.
        #[inline]
        pub fn timestamp(&self) -> Option<Timestamp> {
            some(self$(.$context)?.timestamp)
        }

        /// The watermark that has come last, [`Timestamp::MIN`] before the first.
        #[inline]
        pub fn current_watermark(&self) -> Timestamp {
            self$(.$context)?.core.base.watermark
        }

        /// The time now.
        pub fn processing_time(&self) -> Timestamp {
            self$(.$context)?.core.base.operator.clock().now()
        }

        /// Emits a record. It has the timestamp of the record that is processed, or the time of the event-time timer; what a
        /// processing-time timer emits has no timestamp.
        #[inline]
        pub fn emit(&mut self, record: Out) {
            self$(.$context)?.core.base.output.emit(record, self$(.$context)?.emits_at);
        }

        /// Emits a record into a side output; it is dropped if nobody reads that. It has the timestamp of the record that is
        /// processed, or the time of the timer, of whatever kind.
        ///
        /// # Panics
        /// If the side output is read with another type.
        pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
            self$(.$context)?.core.base.output.emit_to(tag, record, self$(.$context)?.timestamp);
        }

        /// Has `on_timer` called for this key when the watermark reaches `time`: at the next watermark if it has passed that
        /// already. A time that is registered for this key already is not called for twice.
        ///
        /// In batch mode timers fire when all records of the key are processed, and what `on_timer` registers then is
        /// ignored.
        #[inline]
        pub fn register_event_time_timer(&mut self, time: impl Into<Timestamp>) {
            self$(.$context)?.core.register_event_time_timer(time.into());
        }

        /// Has `on_timer` called for this key when the clock reaches `time`: soon if it has passed that already. A time that
        /// is registered for this key already is not called for twice.
        ///
        /// In streaming mode a timer whose time has not come when the input ends never fires. In batch mode timers fire when
        /// all records of the key are processed, and what `on_timer` registers then is ignored.
        #[inline]
        pub fn register_processing_time_timer(&mut self, time: impl Into<Timestamp>) {
            self$(.$context)?.core.register_processing_time_timer(time.into());
        }

        /// Takes back an event-time timer of this key; without effect if there is none at this time.
        #[inline]
        pub fn delete_event_time_timer(&mut self, time: impl Into<Timestamp>) {
            self$(.$context)?.core.delete_event_time_timer(time.into());
        }

        /// Takes back a processing-time timer of this key; without effect if there is none at this time.
        #[inline]
        pub fn delete_processing_time_timer(&mut self, time: impl Into<Timestamp>) {
            self$(.$context)?.core.delete_processing_time_timer(time.into());
        }

        /// What the operator knows of itself and of its surroundings.
        #[inline]
        pub fn runtime(&self) -> &RuntimeContext {
            &self$(.$context)?.core.base.operator
        }
    };
}

/// What a function on keyed records sees while it processes a record: its key, its time, the state and timers of the
/// key, and where to emit. The handles of state take it as their argument: `self.count.get(ctx)`.
pub struct KeyedContext<'a, K, Out> {
    pub(super) core: &'a mut KeyedFunctionCore<K, Out>,
    /// Of the record or timer, and of what goes into side outputs.
    pub(super) timestamp: Timestamp,
    /// Of what is emitted.
    emits_at: Timestamp,
}

impl<'a, K: Key, Out> KeyedContext<'a, K, Out> {
    /// For a record with this timestamp, whose key is the state's current one.
    #[inline]
    pub fn new(core: &'a mut KeyedFunctionCore<K, Out>, timestamp: Timestamp) -> Self {
        Self { core, timestamp, emits_at: timestamp }
    }

    of_the_key!();

    /// The state and where to emit, both at once.
    #[inline]
    pub(crate) fn state_and_output(&mut self) -> (&mut KeyedState<K>, Collector<'_, Out>) {
        (&mut self.core.state, Collector::new(&mut self.core.base.output, self.emits_at))
    }
}

impl<K: Key, Out> StateContext for KeyedContext<'_, K, Out> {
    type Key = K;

    #[inline(always)]
    fn state(&self) -> &KeyedState<K> {
        &self.core.state
    }

    #[inline(always)]
    fn state_mut(&mut self) -> &mut KeyedState<K> {
        &mut self.core.state
    }
}

impl<K, Out> OperatorListContext for KeyedContext<'_, K, Out> {
    #[inline]
    fn operator_lists(&self) -> &OperatorLists {
        &self.core.base.lists
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        &mut self.core.base.lists
    }
}

/// What time is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeDomain {
    /// The timestamps of records, as watermarks tell.
    EventTime,
    /// The machine's clock.
    ProcessingTime,
}

/// What a function on keyed records sees while one of its timers fires: what a [`KeyedContext`] shows, for the timer's
/// key and time.
pub struct OnTimerContext<'a, K, Out> {
    context: KeyedContext<'a, K, Out>,
    domain: TimeDomain,
}

impl<'a, K: Key, Out> OnTimerContext<'a, K, Out> {
    /// For a timer of this domain and time, whose key is the state's current one.
    #[inline]
    pub fn new(core: &'a mut KeyedFunctionCore<K, Out>, domain: TimeDomain, time: Timestamp) -> Self {
        let emits_at = match domain {
            TimeDomain::EventTime => time,
            TimeDomain::ProcessingTime => Timestamp::MIN,
        };
        Self { context: KeyedContext { core, timestamp: time, emits_at }, domain }
    }

    of_the_key!(context);

    /// Which kind of timer it is.
    #[inline]
    pub fn time_domain(&self) -> TimeDomain {
        self.domain
    }
}

impl<'a, K, Out> Deref for OnTimerContext<'a, K, Out> {
    type Target = KeyedContext<'a, K, Out>;

    #[inline]
    fn deref(&self) -> &KeyedContext<'a, K, Out> {
        &self.context
    }
}

impl<K, Out> DerefMut for OnTimerContext<'_, K, Out> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.context
    }
}

impl<K: Key, Out> StateContext for OnTimerContext<'_, K, Out> {
    type Key = K;

    #[inline(always)]
    fn state(&self) -> &KeyedState<K> {
        self.context.state()
    }

    #[inline(always)]
    fn state_mut(&mut self) -> &mut KeyedState<K> {
        self.context.state_mut()
    }
}

impl<K, Out> OperatorListContext for OnTimerContext<'_, K, Out> {
    #[inline]
    fn operator_lists(&self) -> &OperatorLists {
        self.context.operator_lists()
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        self.context.operator_lists_mut()
    }
}

/// A timestamp that a record has.
#[inline]
pub(super) fn some(timestamp: Timestamp) -> Option<Timestamp> {
    (!timestamp.is_none()).then_some(timestamp)
}
