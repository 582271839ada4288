//! A value into which others of its type are reduced.

use crate::{
    Namespace, StateContext, StateValue,
    handle::handle,
    keyed_state::{MaybeTtl, on_entries},
    ttl::{Forever, StateTtl},
    value_state::Values,
};

handle! {
    /// One value a key, into which values of the same type are reduced by a function that was given at registration.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// # let ctx = &mut state;
    /// let highest = ctx.reducing("highest", |highest: &mut u64, value| *highest = value.max(*highest))?;
    /// for value in [3, 9, 4] {
    ///     highest.add(ctx, value);
    /// }
    /// assert_eq!(highest.get(ctx), Some(&9));
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    ReducingState<V>
}

/// Adds the second value to the first.
pub(crate) type Reduce<V> = Box<dyn Fn(&mut V, V) + Send>;

/// The table of a reducing state.
pub(crate) type ReducingTable<K, N, V> =
    MaybeTtl<Values<K, N, V, Forever, Reduce<V>>, Values<K, N, V, StateTtl, Reduce<V>>>;

impl<V: StateValue, N: Namespace> ReducingState<V, N> {
    /// The value, if any has been added.
    #[inline]
    pub fn get<C: StateContext + ?Sized>(self, ctx: &C) -> Option<&V> {
        let (table, current) = ctx.state().table::<ReducingTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.get(&current.place(), current.now()))
    }

    /// Adds a value. The first one becomes the state's value as it is.
    #[inline]
    pub fn add<C: StateContext + ?Sized>(self, ctx: &mut C, value: V) {
        let (table, current) = ctx.state_mut().table_mut::<ReducingTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.set_or_add(
            &current.place(),
            current.now(),
            value,
            |reduce, sum, value| reduce(sum, value),
        ));
    }

    /// Removes the value.
    #[inline]
    pub fn clear<C: StateContext + ?Sized>(self, ctx: &mut C) {
        let (table, current) = ctx.state_mut().table_mut::<ReducingTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.take(&current.place(), current.now()));
    }

    /// Moves what the current key has in the namespaces `sources` into what it has in `target`, as when windows merge.
    /// `target` may be among the sources.
    pub fn merge_namespaces<C: StateContext + ?Sized>(self, ctx: &mut C, target: &N, sources: &[N]) {
        let (table, current) = ctx.state_mut().table_mut::<ReducingTable<C::Key, N, V>>(self.index);
        let places = sources.iter().map(|source| current.place_of(source));
        on_entries!(table, values => values.merge(
            places,
            &current.place_of(target),
            current.now(),
            |reduce, sum, value| reduce(sum, value),
        ));
    }
}
