//! What functions over a broadcast stream see: what others see, and the broadcast state.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use flott_core::{hash::stable_hash, time::Timestamp};
use flott_state::{
    BroadcastState, Key, KeyedState, MapKey, OperatorListContext, OperatorLists, OperatorState,
    OperatorStateContext, OperatorStateContextMut, StateContext, StateHandle, StateValue,
};

use crate::{
    BoxError, OutputTag, Record, RuntimeContext,
    functions::{KeyedContext, KeyedFunctionCore, NoKey, OnTimerContext, OpenContext, ProcessContext},
};

/// What a function over a broadcast stream sees when it is opened: an [`OpenContext`] that can register broadcast state
/// too.
pub struct BroadcastOpenContext<'a, K = NoKey> {
    context: OpenContext<'a, K>,
    broadcast: &'a mut OperatorState,
    names: &'a [Arc<str>],
}

impl<'a, K> BroadcastOpenContext<'a, K> {
    /// With the broadcast states of these names.
    pub fn new(context: OpenContext<'a, K>, broadcast: &'a mut OperatorState, names: &'a [Arc<str>]) -> Self {
        Self { context, broadcast, names }
    }

    /// The broadcast state of this name.
    ///
    /// # Errors
    /// If the broadcast stream was not made with this name, or it has been asked for with other types.
    pub fn broadcast_state<MK: MapKey, MV: StateValue>(
        &mut self,
        name: &str,
    ) -> Result<BroadcastState<MK, MV>, BoxError> {
        if !self.names.iter().any(|known| **known == *name) {
            let known = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "broadcast state `{name}` is none of those that the broadcast stream was made with ({known}): check the \
                 spelling, or add the name in broadcast_state"
            )
            .into());
        }
        Ok(self.broadcast.broadcast(name)?)
    }
}

/// What a [`BroadcastProcessFunction`](super::BroadcastProcessFunction) sees while it processes a record that is not
/// broadcast: what a [`ProcessContext`] has, and the broadcast state, to read it.
pub struct BroadcastReadContext<'a, Out> {
    context: ProcessContext<'a, Out>,
    broadcast: &'a OperatorState,
}

impl<'a, Out> BroadcastReadContext<'a, Out> {
    /// With this broadcast state.
    #[inline]
    pub fn new(context: ProcessContext<'a, Out>, broadcast: &'a OperatorState) -> Self {
        Self { context, broadcast }
    }
}

/// What a [`BroadcastProcessFunction`](super::BroadcastProcessFunction) sees while it processes a broadcast record: what
/// a [`ProcessContext`] has, and the broadcast state, to change it.
pub struct BroadcastWriteContext<'a, Out> {
    context: ProcessContext<'a, Out>,
    broadcast: &'a mut OperatorState,
}

impl<'a, Out> BroadcastWriteContext<'a, Out> {
    /// With this broadcast state.
    #[inline]
    pub fn new(context: ProcessContext<'a, Out>, broadcast: &'a mut OperatorState) -> Self {
        Self { context, broadcast }
    }
}

/// What a [`KeyedBroadcastProcessFunction`](super::KeyedBroadcastProcessFunction) sees while it processes a record of the
/// keyed stream: what a [`KeyedContext`] has, and the broadcast state, to read it.
pub struct KeyedBroadcastReadContext<'a, K, Out> {
    context: KeyedContext<'a, K, Out>,
    broadcast: &'a OperatorState,
}

impl<'a, K, Out> KeyedBroadcastReadContext<'a, K, Out> {
    /// With this broadcast state.
    #[inline]
    pub fn new(context: KeyedContext<'a, K, Out>, broadcast: &'a OperatorState) -> Self {
        Self { context, broadcast }
    }
}

/// What a [`KeyedBroadcastProcessFunction`](super::KeyedBroadcastProcessFunction) sees while a timer fires: what an
/// [`OnTimerContext`] has, and the broadcast state, to read it.
pub struct BroadcastOnTimerContext<'a, K, Out> {
    context: OnTimerContext<'a, K, Out>,
    broadcast: &'a OperatorState,
}

impl<'a, K: Key, Out> BroadcastOnTimerContext<'a, K, Out> {
    /// With this broadcast state.
    #[inline]
    pub fn new(timer: &'a mut OnTimerContext<'_, K, Out>, broadcast: &'a OperatorState) -> Self {
        let (domain, time) = (timer.time_domain(), timer.timestamp);
        Self { context: OnTimerContext::new(&mut *timer.core, domain, time), broadcast }
    }
}

/// What a [`KeyedBroadcastProcessFunction`](super::KeyedBroadcastProcessFunction) sees while it processes a broadcast
/// record: the broadcast state, to change it, and, as there is no key, the keyed state of all keys.
pub struct KeyedBroadcastWriteContext<'a, K, Out> {
    core: &'a mut KeyedFunctionCore<K, Out>,
    broadcast: &'a mut OperatorState,
    timestamp: Timestamp,
}

impl<'a, K: Key, Out> KeyedBroadcastWriteContext<'a, K, Out> {
    /// For a broadcast record with this timestamp.
    #[inline]
    pub fn new(
        core: &'a mut KeyedFunctionCore<K, Out>,
        broadcast: &'a mut OperatorState,
        timestamp: Timestamp,
    ) -> Self {
        Self { core, broadcast, timestamp }
    }

    fn context(&mut self) -> ProcessContext<'_, Out> {
        self.core.base.context(self.timestamp)
    }

    /// The timestamp of the record, if it has one.
    pub fn timestamp(&self) -> Option<Timestamp> {
        (!self.timestamp.is_none()).then_some(self.timestamp)
    }

    /// The watermark that has come last, [`Timestamp::MIN`] before the first.
    pub fn current_watermark(&self) -> Timestamp {
        self.core.base.watermark
    }

    /// The time now.
    pub fn processing_time(&self) -> Timestamp {
        self.core.base.operator.clock().now()
    }

    /// Emits a record. It has the timestamp of the record that is processed. Every subtask processes each broadcast
    /// record, so each may emit.
    pub fn emit(&mut self, record: Out) {
        self.context().emit(record);
    }

    /// Emits a record into a side output; it is dropped if nobody reads that. It has the timestamp of the record that is
    /// processed.
    ///
    /// # Panics
    /// If the side output is read with another type.
    pub fn output<X: Record>(&mut self, tag: &OutputTag<X>, record: X) {
        self.context().output(tag, record);
    }

    /// What the operator knows of itself and of its surroundings.
    pub fn runtime(&self) -> &RuntimeContext {
        &self.core.base.operator
    }

    /// Calls `function` for each key of this subtask that has something in the keyed state `state`, with the context that
    /// a record of that key would have. The order of the keys is not defined. Keys that `function` adds are not visited.
    ///
    /// # Errors
    /// The first error of `function`, after which no further key is visited.
    ///
    /// # Panics
    /// If the handle belongs to another operator.
    pub fn apply_to_keyed_state(
        &mut self,
        state: impl StateHandle,
        mut function: impl FnMut(&mut KeyedBroadcastReadContext<'_, K, Out>) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut keys = Vec::new();
        self.core.state.for_each_key(state, |state| keys.push(state.key().clone()));
        for key in keys {
            self.core.state.set_key(stable_hash(&key), &key);
            let context = KeyedContext::new(self.core, self.timestamp);
            function(&mut KeyedBroadcastReadContext::new(context, self.broadcast))?;
        }
        Ok(())
    }
}

/// Lends what the context is made of.
macro_rules! lends {
    ($($name:ident<$($param:ident),+> is $inner:ty;)+) => {
        $(
            impl<'a, $($param),+> Deref for $name<'a, $($param),+> {
                type Target = $inner;

                #[inline]
                fn deref(&self) -> &Self::Target {
                    &self.context
                }
            }

            impl<$($param),+> DerefMut for $name<'_, $($param),+> {
                #[inline]
                fn deref_mut(&mut self) -> &mut Self::Target {
                    &mut self.context
                }
            }
        )+
    };
}

lends! {
    BroadcastReadContext<Out> is ProcessContext<'a, Out>;
    BroadcastWriteContext<Out> is ProcessContext<'a, Out>;
    KeyedBroadcastReadContext<K, Out> is KeyedContext<'a, K, Out>;
    BroadcastOnTimerContext<K, Out> is OnTimerContext<'a, K, Out>;
}

impl<'a, K> Deref for BroadcastOpenContext<'a, K> {
    type Target = OpenContext<'a, K>;

    fn deref(&self) -> &Self::Target {
        &self.context
    }
}

impl<K> DerefMut for BroadcastOpenContext<'_, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.context
    }
}

/// Leads to the broadcast state.
macro_rules! reads_broadcast_state {
    ($($name:ident<$($param:ident),+>),+) => {
        $(
            impl<$($param),+> OperatorStateContext for $name<'_, $($param),+> {
                #[inline]
                fn operator_state(&self) -> &OperatorState {
                    self.broadcast
                }
            }
        )+
    };
}

reads_broadcast_state!(
    BroadcastReadContext<Out>,
    BroadcastWriteContext<Out>,
    KeyedBroadcastReadContext<K, Out>,
    KeyedBroadcastWriteContext<K, Out>,
    BroadcastOnTimerContext<K, Out>
);

impl<Out> OperatorStateContextMut for BroadcastWriteContext<'_, Out> {
    fn operator_state_mut(&mut self) -> &mut OperatorState {
        self.broadcast
    }
}

impl<K, Out> OperatorStateContextMut for KeyedBroadcastWriteContext<'_, K, Out> {
    fn operator_state_mut(&mut self) -> &mut OperatorState {
        self.broadcast
    }
}

/// Leads to the state of the key.
macro_rules! has_keyed_state {
    ($($name:ident),+) => {
        $(
            impl<K: Key, Out> StateContext for $name<'_, K, Out> {
                type Key = K;

                #[inline]
                fn state(&self) -> &KeyedState<K> {
                    self.context.state()
                }

                #[inline]
                fn state_mut(&mut self) -> &mut KeyedState<K> {
                    self.context.state_mut()
                }
            }
        )+
    };
}

has_keyed_state!(KeyedBroadcastReadContext, BroadcastOnTimerContext);

/// Leads to the operator's lists, which both sides may change.
macro_rules! has_operator_lists {
    ($($name:ident<$($param:ident),+>),+) => {
        $(
            impl<$($param),+> OperatorListContext for $name<'_, $($param),+> {
                #[inline]
                fn operator_lists(&self) -> &OperatorLists {
                    self.context.operator_lists()
                }

                #[inline]
                fn operator_lists_mut(&mut self) -> &mut OperatorLists {
                    self.context.operator_lists_mut()
                }
            }
        )+
    };
}

has_operator_lists!(
    BroadcastOpenContext<K>,
    BroadcastReadContext<Out>,
    BroadcastWriteContext<Out>,
    KeyedBroadcastReadContext<K, Out>,
    BroadcastOnTimerContext<K, Out>
);

impl<K, Out> OperatorListContext for KeyedBroadcastWriteContext<'_, K, Out> {
    #[inline]
    fn operator_lists(&self) -> &OperatorLists {
        &self.core.base.lists
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        &mut self.core.base.lists
    }
}
