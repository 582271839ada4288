//! An accumulator into which values are aggregated.

use std::any::TypeId;

use flott_core::{CheckpointId, time::Timestamp};

use crate::{
    AggregateFunction, Key, Namespace, Result, StateContext,
    handle::handle,
    keyed_state::{Current, StateTable},
    snapshot::{Conversion, RestoredSegment, SegmentSink},
    ttl::Aging,
    value_state::Values,
};

handle! {
    /// One accumulator a key, into which values are aggregated by an [`AggregateFunction`] that was given at
    /// registration.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::{AggregateFunction, AggregatingState, KeyedState};
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// # let ctx = &mut state;
    /// # struct Average;
    /// # impl AggregateFunction<f64> for Average {
    /// #     type Accumulator = (f64, u64);
    /// #     type Output = f64;
    /// #     fn create(&self) -> (f64, u64) { (0.0, 0) }
    /// #     fn add(&self, acc: &mut (f64, u64), value: f64) { *acc = (acc.0 + value, acc.1 + 1) }
    /// #     fn result(&self, acc: &(f64, u64)) -> f64 { acc.0 / acc.1 as f64 }
    /// #     fn merge(&self, acc: &mut (f64, u64), other: (f64, u64)) { *acc = (acc.0 + other.0, acc.1 + other.1) }
    /// # }
    /// let average: AggregatingState<f64, f64> = ctx.aggregating("average", Average)?;
    /// for value in [1.0, 2.0, 6.0] {
    ///     average.add(ctx, value);
    /// }
    /// assert_eq!(average.get(ctx), Some(3.0));
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    AggregatingState<In, Out>
}

impl<In: 'static, Out: 'static, N: Namespace> AggregatingState<In, Out, N> {
    /// The result for the values that have been added, if any.
    #[inline]
    pub fn get<C: StateContext + ?Sized>(self, ctx: &C) -> Option<Out> {
        let (table, current) = ctx.state().table::<AggregatingTable<C::Key, N, In, Out>>(self.index);
        table.0.get(current)
    }

    /// Adds a value.
    #[inline]
    pub fn add<C: StateContext + ?Sized>(self, ctx: &mut C, value: In) {
        let (table, current) = ctx.state_mut().table_mut::<AggregatingTable<C::Key, N, In, Out>>(self.index);
        table.0.add(current, value);
    }

    /// Forgets the values.
    #[inline]
    pub fn clear<C: StateContext + ?Sized>(self, ctx: &mut C) {
        let (table, current) = ctx.state_mut().table_mut::<AggregatingTable<C::Key, N, In, Out>>(self.index);
        table.clear(current);
    }

    /// Moves what the current key has in the namespaces `sources` into what it has in `target`, as when windows merge.
    /// `target` may be among the sources.
    pub fn merge_namespaces<C: StateContext + ?Sized>(self, ctx: &mut C, target: &N, sources: &[N]) {
        let (table, current) = ctx.state_mut().table_mut::<AggregatingTable<C::Key, N, In, Out>>(self.index);
        table.0.merge(current, target, sources);
    }
}

/// The table of an aggregating state. Handles do not know the type of the accumulators, hence the box.
pub(crate) struct AggregatingTable<K, N, In, Out>(pub(crate) Box<dyn Aggregates<K, N, In, Out>>);

/// Accumulators of any type.
pub(crate) trait Aggregates<K, N, In, Out>: StateTable<K> {
    fn get(&self, current: &Current<K>) -> Option<Out>;
    fn add(&mut self, current: &Current<K>, value: In);
    fn merge(&mut self, current: &Current<K>, target: &N, sources: &[N]);
}

impl<K: Key, N: Namespace, In: 'static, F, A: Aging> Aggregates<K, N, In, F::Output>
    for Values<K, N, F::Accumulator, A, F>
where
    F: AggregateFunction<In> + Send + 'static,
{
    fn get(&self, current: &Current<K>) -> Option<F::Output> {
        let accumulator = Values::get(self, &current.place(), current.now())?;
        Some(self.function.result(accumulator))
    }

    fn add(&mut self, current: &Current<K>, value: In) {
        let (function, accumulator) = self.get_or_create(&current.place(), current.now(), F::create);
        function.add(accumulator, value);
    }

    fn merge(&mut self, current: &Current<K>, target: &N, sources: &[N]) {
        let places = sources.iter().map(|source| current.place_of(source));
        let merge = |function: &F, into: &mut F::Accumulator, other| function.merge(into, other);
        Values::merge(self, places, &current.place_of(target), current.now(), merge);
    }
}

impl<K: 'static, N: 'static, In: 'static, Out: 'static> StateTable<K> for AggregatingTable<K, N, In, Out> {
    fn namespace_type(&self) -> TypeId {
        self.0.namespace_type()
    }

    fn clear(&mut self, current: &Current<K>) {
        self.0.clear(current);
    }

    fn clean_up(&mut self, now: Timestamp) {
        self.0.clean_up(now);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn keys(&self) -> Vec<K> {
        self.0.keys()
    }

    fn begin(&mut self, id: CheckpointId, incremental: bool) {
        self.0.begin(id, incremental);
    }

    fn write(&mut self, id: CheckpointId, table: u16, out: &mut dyn SegmentSink) -> Result<bool> {
        self.0.write(id, table, out)
    }

    fn completed(&mut self, id: CheckpointId) {
        self.0.completed(id);
    }

    fn aborted(&mut self, id: CheckpointId) {
        self.0.aborted(id);
    }

    fn restore(
        &mut self,
        segment: &RestoredSegment<'_>,
        conversion: &Conversion,
        current: &Current<K>,
    ) -> Result<()> {
        self.0.restore(segment, conversion, current)
    }
}
