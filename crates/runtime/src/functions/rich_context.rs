use flott_core::time::Timestamp;
use flott_state::{Key, KeyedState, OperatorListContext, OperatorLists, StateContext};

use super::{KeyedContext, NoKey, ProcessContext, context::some};
use crate::{RuntimeContext, operators::Collector};

/// What a rich function sees while it processes a record; on a keyed stream, with keys of type `K`, also the key and its
/// state.
pub struct RichContext<'a, K = NoKey> {
    operator: &'a RuntimeContext,
    timestamp: Timestamp,
    watermark: Timestamp,
    lists: &'a mut OperatorLists,
    /// Set if there are keys.
    state: Option<&'a mut KeyedState<K>>,
}

impl<K> RichContext<'_, K> {
    /// The timestamp of the record, if it has one.
    #[inline]
    pub fn timestamp(&self) -> Option<Timestamp> {
        some(self.timestamp)
    }

    /// The watermark that has come last, [`Timestamp::MIN`] before the first.
    #[inline]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// The time now.
    pub fn processing_time(&self) -> Timestamp {
        self.operator.clock().now()
    }

    /// What the operator knows of itself and of its surroundings.
    #[inline]
    pub fn runtime(&self) -> &RuntimeContext {
        self.operator
    }
}

impl<'a> RichContext<'a> {
    /// The context for a record without a key, and where to emit.
    #[inline]
    pub(crate) fn of<Out>(ctx: &'a mut ProcessContext<'_, Out>) -> (Self, Collector<'a, Out>) {
        let timestamp = ctx.timestamp;
        let core = &mut *ctx.core;
        let (operator, lists) = (&core.operator, &mut core.lists);
        let context = Self { operator, timestamp, watermark: core.watermark, lists, state: None };
        (context, Collector::new(&mut core.output, timestamp))
    }
}

impl<'a, K: Key> RichContext<'a, K> {
    /// The context for the record at work, and where to emit.
    #[inline]
    pub(crate) fn keyed<Out>(ctx: &'a mut KeyedContext<'_, K, Out>) -> (Self, Collector<'a, Out>) {
        let timestamp = ctx.timestamp;
        let core = &mut *ctx.core;
        let base = &mut core.base;
        let state = Some(&mut core.state);
        let (operator, lists) = (&base.operator, &mut base.lists);
        let context = Self { operator, timestamp, watermark: base.watermark, lists, state };
        (context, Collector::new(&mut base.output, timestamp))
    }

    /// The key of the record.
    #[inline]
    pub fn key(&self) -> &K {
        self.state().key()
    }
}

impl<K: Key> StateContext for RichContext<'_, K> {
    type Key = K;

    #[inline(always)]
    fn state(&self) -> &KeyedState<K> {
        self.state.as_deref().expect("the context of a function with keys is made with their state")
    }

    #[inline(always)]
    fn state_mut(&mut self) -> &mut KeyedState<K> {
        self.state.as_deref_mut().expect("the context of a function with keys is made with their state")
    }
}

impl<K> OperatorListContext for RichContext<'_, K> {
    #[inline]
    fn operator_lists(&self) -> &OperatorLists {
        self.lists
    }

    #[inline]
    fn operator_lists_mut(&mut self) -> &mut OperatorLists {
        self.lists
    }
}
