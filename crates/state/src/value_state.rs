//! One value a key.

use flott_core::time::Timestamp;

use crate::{
    Key, Namespace, Result, StateContext, StateValue,
    codec::{self, Reader},
    entries::{Content, Decoding, Entries},
    handle::handle,
    keyed_state::{MaybeTtl, on_entries},
    segments::{Looked, Slot},
    table::Place,
    ttl::{Aging, Forever, StateTtl},
};

handle! {
    /// One value a key.
    ///
    /// ```
    /// # use flott_core::{SubtaskIndex, hash::stable_hash};
    /// # use flott_state::KeyedState;
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// # state.set_key(stable_hash("key"), &"key".to_owned());
    /// # let ctx = &mut state;
    /// let last = ctx.value::<i64>("last")?;
    /// assert_eq!(last.get(ctx), None);
    /// last.set(ctx, 7);
    /// *last.get_or_default(ctx) += 1;
    /// assert_eq!(last.get(ctx), Some(&8));
    /// assert_eq!(last.take(ctx), Some(8));
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    ValueState<V>
}

/// The table of a value state.
pub(crate) type ValueTable<K, N, V> = MaybeTtl<Values<K, N, V, Forever>, Values<K, N, V, StateTtl>>;

impl<V: StateValue, N: Namespace> ValueState<V, N> {
    /// The value, if there is one.
    #[inline]
    pub fn get<C: StateContext + ?Sized>(self, ctx: &C) -> Option<&V> {
        let (table, current) = ctx.state().table::<ValueTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.get(&current.place(), current.now()))
    }

    /// The value, if there is one, to change it.
    #[inline]
    pub fn get_mut<C: StateContext + ?Sized>(self, ctx: &mut C) -> Option<&mut V> {
        let (table, current) = ctx.state_mut().table_mut::<ValueTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.get_mut(&current.place(), current.now()))
    }

    /// The value, made by `create` first if there is none.
    #[inline]
    pub fn get_or_insert_with<C: StateContext + ?Sized>(
        self,
        ctx: &mut C,
        create: impl FnOnce() -> V,
    ) -> &mut V {
        let (table, current) = ctx.state_mut().table_mut::<ValueTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.get_or_insert_with(&current.place(), current.now(), create))
    }

    /// The value, at first the default one.
    #[inline]
    pub fn get_or_default<C: StateContext + ?Sized>(self, ctx: &mut C) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(ctx, V::default)
    }

    /// Replaces the value.
    #[inline]
    pub fn set<C: StateContext + ?Sized>(self, ctx: &mut C, value: V) {
        let (table, current) = ctx.state_mut().table_mut::<ValueTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.set(&current.place(), current.now(), value));
    }

    /// Removes the value and returns it.
    #[inline]
    pub fn take<C: StateContext + ?Sized>(self, ctx: &mut C) -> Option<V> {
        let (table, current) = ctx.state_mut().table_mut::<ValueTable<C::Key, N, V>>(self.index);
        on_entries!(table, values => values.take(&current.place(), current.now()))
    }

    /// Removes the value.
    #[inline]
    pub fn clear<C: StateContext + ?Sized>(self, ctx: &mut C) {
        self.take(ctx);
    }
}

/// A value and what is known of its age.
pub(crate) struct Aged<V, A: Aging> {
    pub(crate) value: V,
    pub(crate) stamp: A::Stamp,
}

impl<V, A: Aging> Aged<V, A> {
    /// Whether it may be read now, and whether that changes anything that a snapshot would contain.
    #[inline]
    pub(crate) fn read(&self, aging: &A, now: Timestamp) -> (bool, bool) {
        let before = A::since(&self.stamp);
        let is_visible = aging.read(&self.stamp, now);
        (is_visible, A::AGES && A::since(&self.stamp) != before)
    }
}

impl<V: StateValue, A: Aging> Content<A> for Aged<V, A> {
    fn look(&self, aging: &A, now: Timestamp) -> Looked {
        Looked { is_due: aging.is_expired(&self.stamp, now), cost: 1 }
    }

    fn clean(&mut self, aging: &A, now: Timestamp) -> bool {
        !aging.is_expired(&self.stamp, now)
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        if A::AGES {
            codec::put(&A::since(&self.stamp), out)?;
        }
        codec::put(&self.value, out)
    }

    fn decode(reader: &mut Reader<'_>, how: &Decoding<'_, A>) -> Result<Option<Self>> {
        let since = how.since(reader)?;
        let value = reader.get_as(&how.conversion.value)?;
        Ok(since.map(|since| Self { value, stamp: how.aging.stamp(since) }))
    }
}

/// Values that age; also those of reducing and aggregating state, with their function.
pub(crate) type Values<K, N, V, A, F = ()> = Entries<K, N, Aged<V, A>, A, F>;

impl<K: Key, N: Namespace, V: StateValue, A: Aging, F> Values<K, N, V, A, F> {
    #[inline]
    pub(crate) fn get(&self, at: &Place<'_, K, N>, now: Timestamp) -> Option<&V> {
        let aged = self.table.get(at)?;
        let (is_visible, is_changed) = aged.read(&self.aging, now);
        if is_changed {
            self.table.note_read(at);
        }
        is_visible.then_some(&aged.value)
    }

    #[inline]
    fn get_mut(&mut self, at: &Place<'_, K, N>, now: Timestamp) -> Option<&mut V> {
        self.before_write();
        let entry = self.table.find(at)?;
        if !self.aging.is_visible(&entry.get().value.stamp, now) {
            entry.remove();
            return None;
        }
        let aged = &mut entry.into_mut().value;
        aged.stamp = self.aging.stamp(now);
        Some(&mut aged.value)
    }

    #[inline]
    fn get_or_insert_with(
        &mut self,
        at: &Place<'_, K, N>,
        now: Timestamp,
        create: impl FnOnce() -> V,
    ) -> &mut V {
        self.get_or_create(at, now, |_| create()).1
    }

    /// The function and the value, which is made first if there is none.
    #[inline]
    pub(crate) fn get_or_create(
        &mut self,
        at: &Place<'_, K, N>,
        now: Timestamp,
        create: impl FnOnce(&F) -> V,
    ) -> (&F, &mut V) {
        self.before_write();
        let stamp = self.aging.stamp(now);
        let entry = match self.table.slot(at) {
            Slot::Vacant(slot) => slot.insert(at.entry(Aged { value: create(&self.function), stamp })),
            Slot::Occupied(entry) => {
                if !self.aging.is_visible(&entry.value.stamp, now) {
                    entry.value.value = create(&self.function);
                }
                entry.value.stamp = stamp;
                entry
            }
        };
        (&self.function, &mut entry.value.value)
    }

    #[inline]
    pub(crate) fn set(&mut self, at: &Place<'_, K, N>, now: Timestamp, value: V) {
        self.before_write();
        let aged = Aged { value, stamp: self.aging.stamp(now) };
        match self.table.slot(at) {
            Slot::Vacant(slot) => {
                slot.insert(at.entry(aged));
            }
            Slot::Occupied(entry) => entry.value = aged,
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, at: &Place<'_, K, N>, now: Timestamp) -> Option<V> {
        let aged = self.table.remove(at)?;
        self.aging.is_visible(&aged.stamp, now).then_some(aged.value)
    }

    /// Sets the value, or adds to the one there by `add`.
    #[inline]
    pub(crate) fn set_or_add(
        &mut self,
        at: &Place<'_, K, N>,
        now: Timestamp,
        value: V,
        add: impl FnOnce(&F, &mut V, V),
    ) {
        self.before_write();
        let stamp = self.aging.stamp(now);
        match self.table.slot(at) {
            Slot::Vacant(slot) => {
                slot.insert(at.entry(Aged { value, stamp }));
            }
            Slot::Occupied(entry) => {
                let aged = &mut entry.value;
                if self.aging.is_visible(&aged.stamp, now) {
                    add(&self.function, &mut aged.value, value);
                    aged.stamp = stamp;
                } else {
                    *aged = Aged { value, stamp };
                }
            }
        }
    }

    /// Merges what the current key has in `sources` into what it has in `target`, in this order.
    pub(crate) fn merge<'a>(
        &mut self,
        places: impl Iterator<Item = Place<'a, K, N>>,
        target: &Place<'_, K, N>,
        now: Timestamp,
        add: impl Fn(&F, &mut V, V),
    ) {
        for source in places {
            if source.namespace != target.namespace
                && let Some(value) = self.take(&source, now)
            {
                self.set_or_add(target, now, value, &add);
            }
        }
    }
}
